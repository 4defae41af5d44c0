import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as PostgresUrl from "../src/PostgresUrl.ts"

const read = (
  query: string,
  before = "postgres://u:s%40cret@host:6000/db",
  environment: { readonly [name: string]: string } = {}
) => {
  const parsed = PostgresUrl.parse(`${before}${query === "" ? "" : `?${query}`}`, environment)
  if (Result.isFailure(parsed)) return parsed.failure
  return parsed.success
}

/** How a connection is encrypted, in short. */
const encryption = (query: string, before?: string, environment?: { readonly [name: string]: string }): string => {
  const connection = read(query, before, environment)
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
    ["", "optional, unchecked"],
    ["sslmode=disable", "plain"],
    ["sslmode=disable&sslmode=require", "encrypted, unchecked"],
    ["sslrootcert=system", "encrypted, checked, its name"],
    ["sslmode=require&channel_binding=require", "encrypted, checked, its name"],
    ["channel_binding=prefer&sslmode=require", "encrypted, unchecked"],
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
    ["sslmode=required", /sslmode=required is invalid/],
    ["sslmode=", /sslmode= is invalid/],
    ["ssl=maybe", /ssl=maybe is invalid/],
    ["ssl=true&sslmode=disable", /contradict/],
    ["sslfactory=org.postgresql.ssl.NonValidatingFactory", /sslfactory is not supported/],
    ["tls=true", /tls is not supported/],
    ["sslmode=verify-ca&sslrootcert=/no/such/file", /sslrootcert cannot be read \(ENOENT\)/],
    ["sslmode=verify-full&sslnegotiation=direct", /sslnegotiation=direct is not supported/],
    ["sslmode=disable&channel_binding=require", /channel_binding=require contradicts sslmode=disable/],
    ["channel_binding=always", /channel_binding=always is not supported/],
    ["sslmode=require&sslrootcert=system", /too weak/],
    ["require_auth=none", /require_auth is not supported/],
    ["ssl_min_protocol_version=SSLv3&sslmode=require", /SSLv3 is not supported/],
    ["target_session_attrs=standby", /target_session_attrs=standby is not supported/],
    ["connect_timeout=soon", /connect_timeout/],
    ["port=0", /a port/],
    ["host=a,b,c&port=1,2", /2 ports for 3 hosts/],
    ["host=a,b&hostaddr=1.1.1.1", /the same number of hosts/],
    ["service=nowhere&servicefile=/dev/null", /not defined in any service file/]
  ])("with %s is refused, and says no secret", (query, why) => {
    const problem = JSON.stringify(read(query))
    assert.match(problem, why)
    assert.notInclude(problem, "cret")
  })

  it("names users, databases, sockets and several hosts", () => {
    const of = (query: string, before?: string): unknown => {
      const connection = read(query, before)
      if (typeof connection === "string") return connection
      const { isWritable: _, tls: __, ...rest } = connection
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

  it("asks a server on this machine for no encryption unless it is told to", () => {
    for (const host of ["localhost", "127.0.0.1", "[::1]", "127.0.0.53:6000"]) {
      assert.strictEqual(encryption("", `postgres://${host}/db`), "plain", host)
      assert.strictEqual(encryption("sslmode=require", `postgres://${host}/db`), "encrypted, unchecked", host)
    }
    assert.strictEqual(encryption("", "postgres://localhost,elsewhere/db"), "optional, unchecked")
    assert.strictEqual(encryption("sslmode=require", "postgres://%2Ftmp/db"), "plain")
  })

  it("leaves to the variables of libpq, a service file and a password file what it does not say", () => {
    const folder = mkdtempSync(join(tmpdir(), "crewline-url-"))
    const service = join(folder, "services")
    const passwords = join(folder, "passwords")
    writeFileSync(
      service,
      "# none\n[prod]\nhost=db.example\nport = 6000\nuser=u\ndbname=d\nsslmode=verify-full\n[x]\nhost=y\n"
    )
    writeFileSync(passwords, "# none\ndb.example:6001:*:u:no\ndb.example:*:d:u:a\\:b\n*:*:*:*:last\n", { mode: 0o600 })
    const environment = { PGSERVICEFILE: service, PGPASSFILE: passwords }
    const found = read("service=prod", "postgres://", environment)
    assert.deepInclude(found, {
      targets: [{ host: "db.example", port: 6000 }],
      username: "u",
      database: "d",
      password: "a:b"
    })
    assert.strictEqual(encryption("service=prod", "postgres://", environment), "encrypted, checked, its name")
    // What the URL says counts first.
    assert.deepInclude(read("service=prod", "postgres://me:own@here:1/mine", environment), {
      targets: [{ host: "here", port: 1 }],
      username: "me",
      password: "own",
      database: "mine"
    })
    assert.strictEqual(encryption("", undefined, { PGSSLMODE: "verify-ca" }), "encrypted, checked, any name")
    assert.deepInclude(read("", "postgres://h/d", { PGPASSWORD: "p", PGUSER: "u" }), { username: "u", password: "p" })
    // A password file that others may read is passed over.
    chmodSync(passwords, 0o644)
    assert.notProperty(read("", "postgres://h/d", environment), "password")
    rmSync(folder, { recursive: true })
  })

  it("takes a plus for a plus, an address beside a name, and says whether a pooler is there", () => {
    assert.deepInclude(read("password=a+b", "postgres://h/d"), { password: "a+b" })
    assert.deepInclude(read("hostaddr=10.0.0.1", "postgres://db.example/d"), {
      targets: [{ host: "10.0.0.1", port: 5432, name: "db.example" }]
    })
    assert.deepInclude(read("pgbouncer=true&connection_limit=1", "postgres://h/d"), { isPooled: true })
    assert.deepInclude(read("target_session_attrs=read-write", "postgres://a,b/d"), { isWritable: true })
    assert.match(JSON.stringify(read("", "postgres://u:pa/ss@h/db")), /percent-encoded/)
  })

  it("has the same meaning in every form, encoded or as parameters", () => {
    const word = fc.string({ unit: fc.constantFrom(..."aZ9 @:/?#%+&=é,"), minLength: 1, maxLength: 9 })
    const hostName = fc.constantFrom("h.example", "10.0.0.1", "fd00::1", "/run/pg 1:x")
    const form = fc.record({
      username: word,
      password: word,
      database: word,
      hosts: fc.array(fc.record({ host: hostName, port: fc.integer({ min: 1, max: 65_535 }) }), {
        minLength: 1,
        maxLength: 3
      }),
      isQuery: fc.boolean(),
      scheme: fc.constantFrom("postgres", "POSTGRES", "postgresql", "PostgreSQL"),
      more: fc.constantFrom([], ["application_name=a", "connect_timeout=3"])
    })
    fc.assert(
      fc.property(form, ({ database, hosts, isQuery, more, password, scheme, username }) => {
        const bracketed = (name: string) => (name.includes("::") ? `[${name}]` : encodeURIComponent(name))
        const names = encodeURIComponent(hosts.map((each) => each.host).join(","))
        const query = [
          ...(isQuery ? [`host=${names}`, `port=${hosts.map(({ port }) => port).join(",")}`] : []),
          ...more,
          "sslmode=require"
        ]
        const authority = isQuery ? "" : hosts.map((each) => `${bracketed(each.host)}:${each.port}`).join(",")
        const credentials = `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`
        const url = `${scheme}://${credentials}${authority}/${encodeURIComponent(database)}?${query.join("&")}`
        const parsed = PostgresUrl.parse(url, {})
        if (Result.isFailure(parsed)) return assert.fail(`${url}: ${parsed.failure}`)
        // Records of fast-check may have no prototype.
        const targets = hosts.map(({ host, port }) =>
          host.startsWith("/") ? { host, port, path: `${host}/.s.PGSQL.${port}` } : { host, port }
        )
        assert.deepInclude(parsed.success, { targets, username, password, database } as object, url)
      })
    )
  })
})
