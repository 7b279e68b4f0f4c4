//! The rows in memory and the connections that read them.
//!
//! Every table is an in-memory database of its own (`file:/…?vfs=memdb`), made at the first statement that reads it and
//! kept alive by one writing connection, the keeper. Clients get [`Lane`]s: connections that attach those databases
//! and can only read. Alone in its database, a table can be made while long statements read the others, which would
//! otherwise hold the writer off.
//!
//! **Invariant:** on a lane nothing but reading is possible: `query_only`, an authorizer that knows only reads, and
//! limits. The translator emits only reads anyway; this holds if it should not.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::catalog::{Table, TableId};
use super::data::{self, Cell};
use super::datatype::Type;
use super::fault::{Fault, Outcome};
use super::functions;
use crate::time::{Clock, SystemClock};

/// All rows and all connections of one engine.
pub(super) struct Store {
    clock: SystemClock,
    /// Tells the in-memory databases of two engines in one process apart.
    number: u64,
    keeper: Mutex<Keeper>,
    idle: Mutex<Vec<Lane>>,
}

/// Makes tables and keeps them alive.
#[derive(Default)]
struct Keeper {
    connection: Option<Connection>,
    made: BTreeSet<TableId>,
}

/// A connection for one statement at a time. Reads only.
pub(super) struct Lane {
    pub(super) connection: Connection,
    pub(super) signals: Arc<Signals>,
    attached: BTreeSet<TableId>,
}

/// What reaches a running statement from outside SQLite.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// Set by a cancel. SQLite's own interrupt is lost when it comes before the first step of a statement.
    cancelled: AtomicBool,
    timed_out: AtomicBool,
    /// Microseconds on the monotonic clock.
    deadline: AtomicU64,
    /// Microseconds since 1970 at the start of the statement: CURRENT_TIMESTAMP is the same on every row.
    wall: AtomicI64,
    /// Whether the engine itself is speaking, which it does to attach a database.
    trusted: AtomicBool,
}

impl Store {
    /// Opens nothing yet.
    pub(super) fn new(clock: SystemClock) -> Self {
        Self {
            clock,
            number: STORES.fetch_add(1, Ordering::Relaxed),
            keeper: Mutex::default(),
            idle: Mutex::default(),
        }
    }

    /// An idle lane, or a new one.
    pub(super) fn lane(&self) -> Outcome<Lane> {
        let idle = lock(&self.idle).pop();
        idle.map_or_else(|| Lane::open(self.clock).map_err(broken), Ok)
    }

    /// Takes a lane back for the next statement.
    pub(super) fn give_back(&self, lane: Lane) {
        lock(&self.idle).push(lane);
    }

    /// Makes the tables that do not exist yet and lets `lane` see them.
    pub(super) fn attach(&self, lane: &mut Lane, tables: &BTreeSet<TableId>) -> Outcome<()> {
        for &table in tables.difference(&lane.attached.clone()) {
            self.make(table).map_err(broken)?;
            lane.attach(&self.address(table), table).map_err(broken)?;
        }
        Ok(())
    }

    /// How many tables were made.
    #[cfg(test)]
    pub(super) fn tables_made(&self) -> usize {
        lock(&self.keeper).made.len()
    }

    fn address(&self, table: TableId) -> String {
        format!(
            "file:/snowflake-mcp-{}-{}?vfs=memdb",
            self.number,
            table.storage()
        )
    }

    /// Makes a table once. A second caller waits here until the first is done, tens of milliseconds at most.
    fn make(&self, table: TableId) -> rusqlite::Result<()> {
        let mut keeper = lock(&self.keeper);
        if keeper.made.contains(&table) {
            return Ok(());
        }
        if keeper.connection.is_none() {
            let connection = Connection::open_in_memory_with_flags(flags())?;
            connection.execute_batch(PRAGMAS)?;
            keeper.connection = Some(connection);
        }
        if let Some(connection) = keeper.connection.as_mut() {
            let name = table.storage();
            // A making that failed half-way leaves its empty database attached; attaching it again is an error.
            let known: bool = connection.query_row(
                "SELECT count(*) > 0 FROM pragma_database_list WHERE name = 'db_' || ?1",
                [name],
                |row| row.get(0),
            )?;
            if !known {
                connection.execute(&format!("ATTACH ?1 AS db_{name}"), [self.address(table)])?;
            }
            fill(connection, table.table())?;
            connection.execute_batch("PRAGMA shrink_memory")?;
        }
        keeper.made.insert(table);
        Ok(())
    }
}

/// Creates and fills a table in one transaction, so that a failure leaves nothing.
fn fill(connection: &mut Connection, table: &Table) -> rusqlite::Result<()> {
    let name = table.id.storage();
    let transaction = connection.transaction()?;
    transaction.execute_batch(&create_table(table))?;
    let marks = vec!["?"; table.columns.len()].join(",");
    let mut insert = transaction.prepare(&format!("INSERT INTO db_{name}.{name} VALUES ({marks})"))?;
    data::make(table.id, &mut |row| {
        for (index, cell) in row.iter().enumerate() {
            match cell {
                Cell::Integer(number) => insert.raw_bind_parameter(index + 1, number)?,
                Cell::Text(text) => insert.raw_bind_parameter(index + 1, text)?,
            }
        }
        insert.raw_execute().map(|_| ())
    })?;
    drop(insert);
    for (number, columns) in table
        .keys
        .iter()
        .enumerate()
        .filter(|(_, key)| !key.starts_with('='))
    {
        transaction.execute_batch(&format!(
            "CREATE INDEX db_{name}.{name}_{number} ON {name}({columns})"
        ))?;
    }
    transaction.commit()
}

fn create_table(table: &Table) -> String {
    let name = table.id.storage();
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let is_key = table
                .keys
                .iter()
                .any(|key| key.strip_prefix('=') == Some(column.name));
            let kind = match column.kind {
                _ if is_key => "INTEGER PRIMARY KEY",
                Type::Text { .. } => "TEXT",
                Type::Float => "REAL",
                _ => "INTEGER",
            };
            format!("{} {kind}", column.name)
        })
        .collect();
    format!("CREATE TABLE db_{name}.{name}({})", columns.join(", "))
}

impl Lane {
    fn open(clock: SystemClock) -> rusqlite::Result<Self> {
        let mut connection = Connection::open_in_memory_with_flags(flags())?;
        connection.execute_batch(PRAGMAS)?;
        connection.execute_batch("PRAGMA query_only = ON")?;
        for (limit, value) in LIMITS {
            connection.set_limit(limit, value)?;
        }
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED_MAX);
        let signals = Arc::new(Signals::default());
        functions::register(&connection, &signals)?;
        let watched = Arc::clone(&signals);
        connection.progress_handler(PROGRESS_OPERATIONS, Some(move || watched.must_stop(clock)))?;
        let judge = Arc::clone(&signals);
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            judge.authorise(context.action)
        }))?;
        Ok(Self {
            connection,
            signals,
            attached: BTreeSet::new(),
        })
    }

    fn attach(&mut self, address: &str, table: TableId) -> rusqlite::Result<()> {
        self.signals.trusted.store(true, Ordering::Relaxed);
        let name = table.storage();
        let attached = self
            .connection
            .execute(&format!("ATTACH ?1 AS db_{name}"), [address])
            .and_then(|_| {
                let cache = format!("PRAGMA db_{name}.cache_size = -{LANE_CACHE_KIB}");
                self.connection.execute_batch(&cache)
            });
        self.signals.trusted.store(false, Ordering::Relaxed);
        attached?;
        self.attached.insert(table);
        Ok(())
    }
}

impl Signals {
    /// Forgets the last statement. `deadline` is monotonic, `wall` since 1970, both in microseconds.
    pub(super) fn start(&self, deadline: u64, wall: i64) {
        self.cancelled.store(false, Ordering::SeqCst);
        self.timed_out.store(false, Ordering::SeqCst);
        self.deadline.store(deadline, Ordering::SeqCst);
        self.wall.store(wall, Ordering::SeqCst);
    }

    /// Ends the running statement soon.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }

    /// Whether the time was up when the statement ended.
    pub(super) fn has_timed_out(&self) -> bool {
        self.timed_out.load(Ordering::SeqCst)
    }

    /// Microseconds since 1970 at the start of the statement.
    pub(super) fn wall_micros(&self) -> i64 {
        self.wall.load(Ordering::Relaxed)
    }

    /// Called every [`PROGRESS_OPERATIONS`] of a running statement.
    pub(super) fn must_stop(&self, clock: SystemClock) -> bool {
        if self.cancelled.load(Ordering::Relaxed) {
            return true;
        }
        let late = clock.now().monotonic.as_micros() >= self.deadline.load(Ordering::Relaxed);
        if late {
            self.timed_out.store(true, Ordering::SeqCst);
        }
        late
    }

    fn authorise(&self, action: AuthAction<'_>) -> Authorization {
        if self.trusted.load(Ordering::Relaxed) {
            return Authorization::Allow;
        }
        match action {
            AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
            // sqlite_schema and the pragma functions are tables too, and not the client's.
            AuthAction::Read { table_name, .. } => {
                if table_name.starts_with("sqlite_") || table_name.starts_with("pragma_") {
                    Authorization::Deny
                } else {
                    Authorization::Allow
                }
            }
            AuthAction::Function { function_name } => {
                if FUNCTIONS_DENIED
                    .iter()
                    .any(|denied| denied.eq_ignore_ascii_case(function_name))
                {
                    Authorization::Deny
                } else {
                    Authorization::Allow
                }
            }
            _ => Authorization::Deny,
        }
    }
}

/// What SQLite refuses although the engine never asks for it.
fn broken(error: rusqlite::Error) -> Fault {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OutOfMemory) => Fault::Memory,
        Some(rusqlite::ErrorCode::OperationInterrupted) => Fault::Cancelled,
        _ => Fault::Internal(error.to_string()),
    }
}

/// A panic of another worker leaves the data as it was before or after one `push` or `insert`: both are fine.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// No mutex in SQLite: a lane is used by one thread at a time.
fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// Engines made so far in this process.
static STORES: AtomicU64 = AtomicU64::new(0);

/// Sorting and temporary indexes stay in memory, and all of SQLite's memory together in 256 MiB: without the first a
/// client fills the disk, without the second the host. Tables take about 40 MiB of it.
const PRAGMAS: &str =
    "PRAGMA temp_store = MEMORY; PRAGMA hard_heap_limit = 268435456; PRAGMA trusted_schema = OFF;";

/// Pages that a lane keeps of each table. They are copies of memory, so a small cache is enough; SQLite's 2 MiB would
/// be 128 MiB for eight lanes and eight tables.
const LANE_CACHE_KIB: u32 = 512;

/// Bounds of a lane: bytes of a value and of a statement, terms of a UNION, nesting, attached databases (the eight tables).
const LIMITS: [(Limit, i32); 5] = [
    (Limit::SQLITE_LIMIT_LENGTH, 16 << 20),
    (Limit::SQLITE_LIMIT_SQL_LENGTH, 4 << 20),
    (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 500),
    (Limit::SQLITE_LIMIT_EXPR_DEPTH, 1_000),
    (Limit::SQLITE_LIMIT_ATTACHED, 8),
];

/// SQLite's own functions that reach beyond the data, or are not the same twice.
const FUNCTIONS_DENIED: [&str; 10] = [
    "load_extension",
    "readfile",
    "writefile",
    "edit",
    "fts3_tokenizer",
    "random",
    "randomblob",
    "zeroblob",
    "sqlite_log",
    "dbstat",
];

/// Instructions between two looks at the clock: about 0.2 ms, so that a cancel is felt at once and costs nothing.
const PROGRESS_OPERATIONS: i32 = 5_000;

/// Prepared statements that a lane keeps; each takes some 5 to 50 KiB.
const STATEMENTS_CACHED_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn lane_with(tables: &[TableId]) -> (Store, Lane) {
        let store = Store::new(SystemClock::new());
        let mut lane = store.lane().unwrap();
        store
            .attach(&mut lane, &tables.iter().copied().collect())
            .unwrap();
        lane.signals.start(u64::MAX, 0);
        (store, lane)
    }

    #[test]
    fn a_lane_refuses_everything_but_reading() {
        let (_store, lane) = lane_with(&[TableId::Region]);
        let rows = |sql: &str| lane.connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        assert_eq!(rows("SELECT count(*) FROM db_region.region"), Ok(5));
        for refused in [
            "DELETE FROM db_region.region",
            "INSERT INTO db_region.region VALUES (9, 'X', 'y')",
            "UPDATE db_region.region SET R_NAME = 'X'",
            "DROP TABLE db_region.region",
            "CREATE TABLE t(x)",
            "CREATE TEMP TABLE t(x)",
            "CREATE VIRTUAL TABLE t USING fts5(x)",
            "ATTACH 'file:/other?vfs=memdb' AS other",
            "DETACH db_region",
            "PRAGMA query_only = OFF",
            "PRAGMA journal_mode",
            "SELECT * FROM pragma_database_list",
            "SELECT * FROM sqlite_schema",
            "SELECT * FROM db_region.sqlite_schema",
            "SELECT load_extension('x')",
            "SELECT random()",
            "SELECT zeroblob(1000000000)",
            "VACUUM INTO 'stolen'",
            "BEGIN IMMEDIATE",
            "SAVEPOINT s",
            "ANALYZE",
            "EXPLAIN DELETE FROM db_region.region",
        ] {
            let outcome = lane.connection.prepare(refused).and_then(|mut statement| {
                let mut rows = statement.query([])?;
                while rows.next()?.is_some() {}
                Ok(())
            });
            assert!(outcome.is_err(), "{refused}");
        }
        assert_eq!(rows("SELECT count(*) FROM db_region.region"), Ok(5));
    }

    #[test]
    fn query_only_alone_refuses_writes_too() {
        let (_store, mut lane) = lane_with(&[TableId::Region]);
        lane.connection
            .authorizer(None::<fn(AuthContext<'_>) -> Authorization>)
            .unwrap();
        assert!(
            lane.connection
                .execute("DELETE FROM db_region.region", [])
                .is_err()
        );
    }

    #[test]
    fn two_lanes_share_one_copy_and_two_stores_none() {
        let (store, first) = lane_with(&[TableId::Nation]);
        let mut second = store.lane().unwrap();
        store
            .attach(&mut second, &BTreeSet::from([TableId::Nation]))
            .unwrap();
        for lane in [&first, &second] {
            let rows: i64 = lane
                .connection
                .query_row("SELECT count(*) FROM db_nation.nation", [], |row| row.get(0))
                .unwrap();
            assert_eq!(rows, 25);
        }
        assert_eq!(store.tables_made(), 1);
        assert_eq!(Store::new(SystemClock::new()).tables_made(), 0);
    }

    #[test]
    fn a_lane_given_back_is_used_again() {
        let (store, lane) = lane_with(&[TableId::Region]);
        store.give_back(lane);
        assert_eq!(store.lane().unwrap().attached.len(), 1);
        assert_eq!(store.lane().unwrap().attached.len(), 0);
    }
}
