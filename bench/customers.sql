-- Customers of a BG/NBD world for :customers, the same on every machine: they buy at a rate of their own (exponential
-- over customers), and leave after a purchase with a probability of their own (a power of a uniform number). Whole days.

SELECT setseed(0.618);
CREATE FUNCTION pg_temp.simulate(customers bigint) RETURNS TABLE (x bigint, t_x double precision, t double precision)
LANGUAGE plpgsql AS $$
DECLARE
  rate double precision; dropout double precision; now double precision; day double precision;
BEGIN
  FOR customer IN 1 .. customers LOOP
    rate := -ln(1 - random()) / 60;
    dropout := random() ^ 2;
    t := 1 + floor(random() * 729);
    x := 0; t_x := 0; now := 0;
    LOOP
      now := now - ln(1 - random()) / rate;
      day := ceil(now);
      EXIT WHEN day > t;
      x := x + (day > t_x)::int;
      t_x := day;
      EXIT WHEN random() < dropout;
    END LOOP;
    RETURN NEXT;
  END LOOP;
END $$;
CREATE TABLE customers AS SELECT * FROM pg_temp.simulate(:customers);
