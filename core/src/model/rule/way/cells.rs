//! Cells of scores put together to blocks: a range of each score.

/// The most blocks that a complement is put together from.
const MOST_BLOCKS: usize = 5_000;

/// From lowest to highest score, for each score of a code.
pub(crate) type Block = Vec<(u8, u8)>;

/// A cell as a block.
pub(crate) fn digits(cell: u32, scores: usize) -> Block {
    let digit = |place: u32| (cell / 10u32.pow(place) % 10) as u8;
    (0..scores as u32).rev().map(|place| (digit(place), digit(place))).collect()
}

/// The same cells in fewer blocks: neighbours that differ in one side only become one.
pub(crate) fn merged(mut blocks: Vec<Block>) -> Vec<Block> {
    let sides = blocks.first().map_or(0, Vec::len);
    for side in (0..sides).rev() {
        blocks.sort_unstable_by(|a, b| {
            let others = |sides: &Block| -> Block {
                sides.iter().enumerate().filter(|(at, _)| *at != side).map(|(_, range)| *range).collect()
            };
            others(a).cmp(&others(b)).then(a[side].cmp(&b[side]))
        });
        blocks.dedup_by(|next, kept| {
            let same = (0..sides).all(|at| at == side || next[at] == kept[at]);
            let joins = same && next[side].0 == kept[side].1 + 1;
            if joins {
                kept[side].1 = next[side].1;
            }
            joins
        });
    }
    blocks
}

/// All codes but these; none where that takes too many blocks.
pub(crate) fn complement(cells: &[u32], bins: &[u8]) -> Vec<Block> {
    let mut left: Vec<Block> = vec![bins.iter().map(|bins| (1, *bins)).collect()];
    for cell in cells {
        let hole = digits(*cell, bins.len());
        let mut made = Vec::with_capacity(left.len() + bins.len());
        for whole in left {
            let inside = whole.iter().zip(&hole).all(|((low, high), (digit, _))| (low..=high).contains(&digit));
            if !inside {
                made.push(whole);
                continue;
            }
            // what lies before and after the hole, one side after the other
            let mut rest = whole;
            for (side, (digit, _)) in hole.iter().enumerate() {
                let (low, high) = rest[side];
                for (low, high) in [(low, digit - 1), (digit + 1, high)] {
                    if low <= high {
                        let mut part = rest.clone();
                        part[side] = (low, high);
                        made.push(part);
                    }
                }
                rest[side] = (*digit, *digit);
            }
        }
        if made.len() > MOST_BLOCKS {
            return Vec::new();
        }
        left = made;
    }
    merged(left)
}
