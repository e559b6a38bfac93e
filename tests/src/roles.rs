//! Roles that log in by themselves, beside the analyst: owner, writer, reader, stranger, hostile … Roles belong to the whole
//! cluster, so each is called by its database, too.

use postgres::Client;

use crate::{connect, explained, fresh_database, run, superuser, value};

/// A database with the extension, and roles who know nothing of each other.
pub struct Stage {
    pub database: &'static str,
    /// The superuser's connection.
    pub root: Client,
}

impl Stage {
    /// A fresh one; each of `roles` can log in, and may use no more than everybody.
    pub fn new(database: &'static str, roles: &[&str]) -> Stage {
        drop(fresh_database(database));
        let mut stage = Stage { database, root: superuser(database) };
        for name in roles {
            stage.add(name);
        }
        stage
    }

    /// One of them more.
    pub fn add(&mut self, name: &str) {
        let role = self.role(name);
        let exists = format!("SELECT count(*) > 0 FROM pg_roles WHERE rolname = '{role}'");
        if !value::<bool>(&mut self.root, &exists) {
            run(&mut self.root, &format!("CREATE ROLE {role}"));
        }
        run(&mut self.root, &format!("ALTER ROLE {role} LOGIN NOSUPERUSER"));
    }

    /// What a role is called in the cluster.
    pub fn role(&self, name: &str) -> String {
        format!("{}_{name}", self.database)
    }

    /// A connection of that role's own.
    pub fn client(&self, name: &str) -> Client {
        connect(self.database, &self.role(name))
    }

    /// Runs statements as the superuser; `{name}` stands for the role of that name.
    pub fn root(&mut self, statements: &str) {
        let statements = self.named(statements);
        run(&mut self.root, &statements);
    }

    /// Runs statements as one of the roles.
    pub fn by(&self, name: &str, statements: &str) {
        run(&mut self.client(name), &self.named(statements));
    }

    /// With the names of roles in place of `{owner}` and so on.
    pub fn named(&self, statements: &str) -> String {
        let mut text = statements.to_owned();
        for name in ["owner", "writer", "reader", "stranger", "hostile", "dbo", "other", "leaver"] {
            text = text.replace(&format!("{{{name}}}"), &self.role(name));
        }
        text
    }
}

/// What the server says to a statement that it refuses: (SQLSTATE, message, hint); `None` where it does as it is told.
pub fn attempt(client: &mut Client, statements: &str) -> Option<(String, String, String)> {
    let error = client.batch_execute(statements).err()?;
    let Some(error) = error.as_db_error() else { panic!("{statements}: {}", explained(&error)) };
    let hint = error.hint().unwrap_or_default().to_owned();
    Some((error.code().code().to_owned(), error.message().to_owned(), hint))
}

/// As [`attempt`], of what has to be refused.
pub fn told(client: &mut Client, statements: &str) -> (String, String, String) {
    attempt(client, statements).unwrap_or_else(|| panic!("not refused: {statements}"))
}
