/**
 * PostgreSQL and Redis for the integration tests, which skip without them: `npm run services --
 * start | stop | status | pgvector`.
 *
 * The servers are those at TEST_DATABASE_URL and TEST_REDIS_URL (by default the usual local ports).
 * A server that responds is used as it is. Otherwise `start` runs one at that address, in Docker if
 * available, else from the binaries on the machine, which it installs when it runs as root on
 * Debian. `stop` stops only servers that `start` started; their state is in `.crewline/services`
 * (PostgreSQL started by root: in the folder of temporary files).
 */
import { spawnSync } from "node:child_process"
import {
  chownSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { root } from "./run.mjs"

const home = join(root, ".crewline", "services")
const isRoot = process.getuid?.() === 0

const say = (text) => process.stdout.write(`${text}\n`)

/** Why a server cannot be started, as a message for the user. */
class Obstacle extends Error {}

const attempt = (command, args, options = {}) => {
  const result = spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024, ...options })
  return {
    ok: result.status === 0,
    text: `${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`.trim()
  }
}

const must = (command, args, options) => {
  const { ok, text } = attempt(command, args, options)
  if (!ok) throw new Obstacle(`${[command, ...args].join(" ")} failed:\n${text}`)
  return text
}

/**
 * Sends the bytes to the address; resolves with the first bytes of the answer, or nothing within
 * two seconds.
 */
const ask = ({ host, port }, question) =>
  new Promise((resolve) => {
    const socket = connect({ host, port }, () => socket.write(question))
    const done = (answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(2_000, () => done(undefined))
    socket.on("data", (bytes) => done(bytes.toString("latin1")))
    socket.on("error", () => done(undefined))
    socket.on("close", () => done(undefined))
  })

const address = (variable, fallback, defaultPort) => {
  const url = new URL(process.env[variable] ?? fallback)
  return {
    url,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || defaultPort),
    shown: `${url.hostname}:${url.port || defaultPort}`
  }
}

const isLocal = ({ host }) => ["127.0.0.1", "localhost", "::1"].includes(host)

/** The folder of PostgreSQL's binaries: Debian keeps them off PATH. */
const postgresBinaries = () =>
  [...globSync("/usr/lib/postgresql/*/bin").sort(), ...(process.env.PATH ?? "").split(delimiter)]
    .filter((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "pg_ctl")))
    .at(0)

/** PostgreSQL refuses to run as root: there it runs as the user of Debian's package. */
const asPostgres = (command, args) =>
  isRoot ? must("runuser", ["-u", "postgres", "--", command, ...args]) : must(command, args)

const hasDocker = () => attempt("docker", ["info"], { timeout: 10_000 }).ok

const installPackages = (...packages) => {
  if (!isRoot || !existsSync("/usr/bin/apt-get")) {
    throw new Obstacle(
      `There is neither a Docker engine nor a local binary; as root on Debian, this command installs ${packages.join(" and ")}.`
    )
  }
  say(`Installing ${packages.join(" and ")} with apt-get…`)
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  must("apt-get", ["update"], { env })
  must("apt-get", ["install", "--yes", "--no-install-recommends", ...packages], { env })
}

const postgres = {
  name: "PostgreSQL",
  ...address("TEST_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres", 5432),
  // An SSLRequest; every PostgreSQL answers it with one letter, before any authentication.
  answers: async (service) => /^[SN]/.test((await ask(service, Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]))) ?? ""),
  image: ["--env", "POSTGRES_HOST_AUTH_METHOD=trust", "pgvector/pgvector:pg17"],
  inside: 5432,
  run: ({ host, port }) => {
    if (postgresBinaries() === undefined) {
      installPackages("postgresql")
      // Debian starts its own cluster, which requires passwords.
      attempt("service", ["postgresql", "stop"])
    }
    const binaries = postgresBinaries()
    // Another user may have no access to the repository, for example under /root.
    const folder = isRoot ? join(tmpdir(), `crewline-postgres-${port}`) : join(home, "postgres")
    const data = join(folder, "data")
    if (!existsSync(join(data, "PG_VERSION"))) {
      mkdirSync(folder, { recursive: true })
      if (isRoot) {
        const [user, group] = ["-u", "-g"].map((flag) => Number(must("id", [flag, "postgres"])))
        chownSync(folder, user, group)
      }
      asPostgres(join(binaries, "initdb"), [
        "--pgdata",
        data,
        "--username",
        "postgres",
        "--auth",
        "trust",
        "--encoding",
        "UTF8"
      ])
    }
    // For tests: data loss after a power failure does not matter.
    const settings = `-p ${port} -c listen_addresses=${host} -c unix_socket_directories='' -c fsync=off -c max_connections=200`
    const log = join(folder, "log")
    asPostgres(join(binaries, "pg_ctl"), ["start", "--wait", "--pgdata", data, "--log", log, "--options", settings])
    return { stop: "postgres", binaries, data }
  }
}

const redis = {
  name: "Redis",
  ...address("TEST_REDIS_URL", "redis://127.0.0.1:6379", 6379),
  answers: async (service) => /^(\+PONG|-NOAUTH)/.test((await ask(service, "PING\r\n")) ?? ""),
  image: ["redis:7-alpine"],
  inside: 6379,
  run: ({ host, port }) => {
    if (!attempt("redis-server", ["--version"]).ok) {
      installPackages("redis-server")
      attempt("service", ["redis-server", "stop"])
    }
    const folder = join(home, "redis")
    mkdirSync(folder, { recursive: true })
    const pidfile = join(folder, "pid")
    const settings = {
      bind: host,
      port,
      daemonize: "yes",
      dir: folder,
      pidfile,
      logfile: join(folder, "log"),
      save: ""
    }
    must(
      "redis-server",
      Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)])
    )
    return { stop: "redis", pidfile }
  }
}

const services = [postgres, redis]
const recordFile = (service) => join(home, `${service.name.toLowerCase()}.json`)
const readRecord = (service) =>
  existsSync(recordFile(service)) ? JSON.parse(readFileSync(recordFile(service), "utf8")) : undefined

const begin = (service) => {
  if (!isLocal(service)) throw new Obstacle("It is on another machine: start it there, or change its URL.")
  if (!hasDocker()) return service.run(service)
  const container = `crewline-${service.name.toLowerCase()}-${service.port}`
  attempt("docker", ["rm", "--force", container])
  const publish = `127.0.0.1:${service.port}:${service.inside}`
  must("docker", ["run", "--detach", "--name", container, "--publish", publish, ...service.image])
  return { stop: "docker", container }
}

const start = async () => {
  let good = true
  for (const service of services) {
    if (await service.answers(service)) {
      say(`${service.name}: already answers at ${service.shown}`)
      continue
    }
    try {
      mkdirSync(home, { recursive: true })
      writeFileSync(recordFile(service), JSON.stringify(begin(service)))
      for (let tries = 0; !(await service.answers(service)); tries++) {
        if (tries === 60) throw new Obstacle("It was started but did not answer within a minute.")
        await sleep(1_000)
      }
      say(`${service.name}: started at ${service.shown}`)
    } catch (error) {
      if (!(error instanceof Obstacle)) throw error
      say(`${service.name}: cannot be started at ${service.shown}. ${error.message}`)
      good = false
    }
  }
  return good
}

const end = (record) => {
  if (record.stop === "docker") must("docker", ["rm", "--force", record.container])
  else if (record.stop === "postgres") {
    asPostgres(join(record.binaries, "pg_ctl"), ["stop", "--wait", "--mode", "fast", "--pgdata", record.data])
  } else if (existsSync(record.pidfile)) process.kill(Number(readFileSync(record.pidfile, "utf8")), "SIGTERM")
}

const stop = () => {
  for (const service of services) {
    const record = readRecord(service)
    if (record === undefined) {
      say(`${service.name}: not started by this command, not stopped`)
      continue
    }
    end(record)
    rmSync(recordFile(service))
    say(`${service.name}: stopped`)
  }
  return true
}

const query = (sql) =>
  attempt("psql", [postgres.url.href, "--no-psqlrc", "--no-align", "--tuples-only", "--command", sql])

const pgvectorVersion = () => query("select default_version from pg_available_extensions where name = 'vector'").text

const status = async () => {
  let good = true
  for (const service of services) {
    const answers = await service.answers(service)
    good &&= answers
    const vector = answers && service === postgres ? `, pgvector ${pgvectorVersion() || "not installed"}` : ""
    const origin = readRecord(service) === undefined ? "" : " (started by this command)"
    say(`${service.name}: ${answers ? "answers" : "does not answer"} at ${service.shown}${origin}${vector}`)
  }
  return good
}

/**
 * Debian 12 has no package of pgvector, but Debian 13's source builds on it. The second list of
 * sources is private to these commands: the machine's own stays as it is.
 */
const buildPgvector = (major) => {
  const work = mkdtempSync(join(tmpdir(), "pgvector-"))
  try {
    const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    writeFileSync(join(work, "sources.list"), `deb-src [signed-by=${keyring}] ${mirror()} trixie main\n`)
    mkdirSync(join(work, "lists", "partial"), { recursive: true })
    const apart = [
      `Dir::Etc::sourcelist=${join(work, "sources.list")}`,
      "Dir::Etc::sourceparts=/dev/null",
      `Dir::State::lists=${join(work, "lists")}`
    ].flatMap((option) => ["-o", option])
    const options = { cwd: work }
    must("apt-get", [...apart, "update"], options)
    must("apt-get", [...apart, "source", "--download-only", "pgvector"], options)
    const archive = readdirSync(work).find((file) => file.includes(".orig.tar"))
    if (archive === undefined) throw new Obstacle("Debian's source package of pgvector contains no source archive.")
    must("tar", ["--extract", "--file", archive, "--one-top-level=pgvector", "--strip-components=1"], options)
    const config = `PG_CONFIG=/usr/lib/postgresql/${major}/bin/pg_config`
    // Without OPTFLAGS it would be compiled only for the processor of this machine.
    must("make", ["OPTFLAGS=", config], { cwd: join(work, "pgvector") })
    must("make", ["install", config], { cwd: join(work, "pgvector") })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The mirror that the machine already uses for Debian's main archive. */
const mirror = () => {
  for (const file of ["/etc/apt/sources.list", ...globSync("/etc/apt/sources.list.d/*").sort()]) {
    const found = existsSync(file) && /https?:\/\/\S+\/debian(?=\/?\s)/.exec(readFileSync(file, "utf8"))
    if (found) return found[0]
  }
  return "http://deb.debian.org/debian"
}

const pgvector = async () => {
  if (!(await postgres.answers(postgres)))
    throw new Obstacle("PostgreSQL does not answer: run `npm run services -- start` first.")
  if (!attempt("psql", ["--version"]).ok) installPackages("postgresql-client")
  const shown = query("show server_version_num")
  if (!shown.ok) throw new Obstacle(shown.text)
  const major = Math.floor(Number(shown.text) / 10_000)
  if (pgvectorVersion() === "") {
    const packaged = attempt("apt-cache", ["policy", `postgresql-${major}-pgvector`])
    if (/Candidate: \d/.test(packaged.text)) installPackages(`postgresql-${major}-pgvector`)
    else {
      say("Building pgvector from Debian's source, about a minute…")
      installPackages(`postgresql-server-dev-${major}`, "build-essential", "dpkg-dev")
      buildPgvector(major)
    }
  }
  const created = query("create extension if not exists vector")
  if (!created.ok) throw new Obstacle(created.text)
  say(`pgvector ${pgvectorVersion()} is ready in PostgreSQL ${major} at ${postgres.shown}`)
  return true
}

const commands = { start, stop, status, pgvector }
const name = process.argv[2] ?? "status"

if (!Object.hasOwn(commands, name)) {
  process.stderr.write(`There is no "${name}". npm run services -- ${Object.keys(commands).join(" | ")}\n`)
  process.exit(2)
}
try {
  process.exitCode = (await commands[name]()) ? 0 : 1
} catch (error) {
  if (!(error instanceof Obstacle)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
