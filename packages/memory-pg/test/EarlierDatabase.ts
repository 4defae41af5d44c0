/**
 * A database left by versions before the first release: its migration records have no hashes, and
 * there are more of them.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

export const make = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  Effect.andThen(
    sql`create table crewline_migration (
      component text not null, id int not null, name text not null, applied_at timestamptz not null default now(),
      primary key (component, id)
    )`,
    sql`insert into crewline_migration (component, id, name) values
      ('memory-pg', 1, 'event-log'), ('memory-pg', 2, 'event-log-writing'), ('memory-pg', 3, 'event-log-reading'),
      ('memory-pg', 4, 'event-log-retention'), ('server', 1, 'resources'), ('server', 2, 'provider-keys')`
  )
)
