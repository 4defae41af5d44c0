import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as PostgresUrl from "../src/PostgresUrl.ts"

const read = (query: string, before = "postgres://u:s%40cret@host:6000/db") => {
  const parsed = PostgresUrl.parse(`${before}${query === "" ? "" : `?${query}`}`)
  if (Result.isFailure(parsed)) return parsed.failure
  return parsed.success
}

/** How a connection is encrypted, in short. */
const encryption = (query: string): string => {
  const connection = read(query)
  if (typeof connection === "string") return connection
  if (connection.tls === false) return "plain"
  const { checkServerIdentity, rejectUnauthorized } = connection.tls.options
  const checks = rejectUnauthorized === false ? "unchecked" : "checked"
  const name =
    checkServerIdentity?.("other", { subject: { CN: "elsewhere" } } as never) === undefined ? "any name" : "its name"
  return [connection.tls.isOptional ? "optional" : "encrypted", checks, ...(checks === "checked" ? [name] : [])].join(
    ", "
  )
}

describe("a PostgreSQL URL", () => {
  it.each([
    ["", "plain"],
    ["sslmode=disable", "plain"],
    ["sslmode=allow", "optional, unchecked"],
    ["sslmode=prefer", "optional, unchecked"],
    ["sslmode=require", "encrypted, unchecked"],
    ["sslmode=no-verify", "encrypted, unchecked"],
    ["sslmode=verify-ca", "encrypted, checked, any name"],
    ["sslmode=verify-full", "encrypted, checked, its name"],
    ["sslmode=verify-full&sslrootcert=system", "encrypted, checked, its name"],
    ["sslmode=require&sslrootcert=/dev/null", "encrypted, checked, any name"],
    ["ssl=true", "encrypted, unchecked"],
    ["ssl=1", "encrypted, unchecked"],
    ["ssl", "encrypted, unchecked"],
    ["ssl=no-verify", "encrypted, unchecked"],
    ["ssl=verify-full", "encrypted, checked, its name"],
    ["ssl=false", "plain"],
    ["requiressl=1", "encrypted, unchecked"],
    ["ssl=true&sslmode=verify-ca", "encrypted, checked, any name"]
  ])("with %s is %s", (query, expected) => {
    assert.strictEqual(encryption(query), expected)
  })

  it.each([
    ["sslmode=required", /sslmode=required is unknown/],
    ["sslmode=", /sslmode= is unknown/],
    ["ssl=maybe", /ssl=maybe is unknown/],
    ["ssl=true&sslmode=disable", /contradict/],
    ["sslfactory=org.postgresql.ssl.NonValidatingFactory", /sslfactory is not understood/],
    ["tls=true", /tls is not understood/],
    ["sslmode=verify-ca&sslrootcert=/no/such/file", /sslrootcert cannot be read \(ENOENT\)/],
    ["sslmode=verify-full&sslnegotiation=direct", /sslnegotiation=direct is not supported/],
    ["sslmode=require&channel_binding=require", /channel_binding=require is not supported/],
    ["ssl_min_protocol_version=SSLv3&sslmode=require", /SSLv3 is not supported/],
    ["target_session_attrs=read-write", /target_session_attrs/],
    ["connect_timeout=soon", /connect_timeout/],
    ["port=0", /a port/]
  ])("with %s is refused, and says no secret", (query, why) => {
    const problem = JSON.stringify(read(query))
    assert.match(problem, why)
    assert.notInclude(problem, "cret")
  })

  it("names users, databases, sockets and several hosts", () => {
    const of = (query: string, before?: string): unknown => {
      const connection = read(query, before)
      if (typeof connection === "string") return connection
      const { tls: _, ...rest } = connection
      return rest
    }
    const one = { targets: [{ host: "host", port: 6000 }], username: "u", password: "s@cret", database: "db" }
    assert.deepStrictEqual(of(""), one)
    assert.deepStrictEqual(of("options=-c%20geqo%3Doff&connect_timeout=3"), {
      ...one,
      options: "-c geqo=off",
      connectTimeoutSeconds: 3
    })
    const path = "/var/run/postgresql"
    const socket = { targets: [{ host: path, port: 5432, path: `${path}/.s.PGSQL.5432` }], database: "db" }
    assert.deepStrictEqual(of("host=/var/run/postgresql", "postgres:///db"), socket)
    assert.deepStrictEqual(of("", "postgresql://%2Fvar%2Frun%2Fpostgresql/db"), socket)
    assert.deepStrictEqual(of("", "postgres://a:1,[::1]:2,c/db"), {
      targets: [
        { host: "a", port: 1 },
        { host: "::1", port: 2 },
        { host: "c", port: 5432 }
      ],
      database: "db"
    })
    assert.deepStrictEqual(of("host=a,b&port=1,2&user=x&dbname=y&password=z", "postgres://"), {
      targets: [
        { host: "a", port: 1 },
        { host: "b", port: 2 }
      ],
      username: "x",
      password: "z",
      database: "y"
    })
  })
})
