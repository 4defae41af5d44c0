/**
 * Which process this is, in terms that others on the same machine can check, and whether another
 * one has ended.
 *
 * - `gone` is said only of a process that has ended for certain: its pid is free, is a zombie's, or
 *   belongs to one that started at another time (pids are used again).
 * - Pids mean the same only within one boot of one machine and one pid namespace, and times since
 *   boot only within one time namespace. A process of anywhere else is `unseen`, dead or alive.
 * - Where the system does not tell when a process started, whoever has the pid counts as that
 *   process.
 */
import { execFileSync } from "node:child_process"
import * as NodeCrypto from "node:crypto"
import * as NodeFs from "node:fs"
import * as NodeOs from "node:os"
import * as Liveness from "@crewline/core/Liveness"
import * as Layer from "effect/Layer"

export interface Identity {
  readonly pid: number
  /** When the process started, in the system's own terms; null where the system does not tell. */
  readonly started: string | null
  /** Where pids mean the same, as a hash. */
  readonly realm: string
}

/** What the system says about a pid at this moment. */
export interface Sight {
  readonly exists: boolean
  /** It has ended, and nobody has waited for it yet. */
  readonly isZombie: boolean
  readonly started: string | null
}

export type Verdict = "alive" | "gone" | "unseen"

/** What is to be thought of a process, from what is seen of its pid in this realm. */
export const judge = (identity: Identity, realm: string, sight: Sight): Verdict => {
  if (identity.realm !== realm) return "unseen"
  if (!sight.exists || sight.isZombie) return "gone"
  return identity.started === null || sight.started === null || identity.started === sight.started ? "alive" : "gone"
}

const readText = (path: string): string | undefined => {
  try {
    return NodeFs.readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

const run = (command: string, ...args: ReadonlyArray<string>): string | undefined => {
  try {
    const env = { ...process.env, LC_ALL: "C", TZ: "UTC" }
    const text = execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"], env }).trim()
    return text === "" ? undefined : text
  } catch {
    return undefined
  }
}

/**
 * The pid, the state letter and the start, in clock ticks since boot, of a process on Linux. The
 * name between them may hold anything.
 */
const linuxStat = (name: number | "self") => {
  const stat = readText(`/proc/${name}/stat`)
  if (stat === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return { pid: Number.parseInt(stat, 10), state: fields[0]!, started: fields[19]! }
}

const exists = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Not allowed to signal it: it exists.
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

const look = (pid: number): Sight => {
  if (process.platform === "linux") {
    // The file first: one that is hidden from this user is told from one that has just ended.
    const stat = linuxStat(pid)
    const isZombie = stat?.state === "Z" || stat?.state === "X"
    return { exists: exists(pid), isZombie, started: stat?.started ?? null }
  }
  if (!exists(pid)) return { exists: false, isZombie: false, started: null }
  const started = process.platform === "win32" ? undefined : run("ps", "-o", "lstart=", "-p", String(pid))
  return { exists: true, isZombie: false, started: started?.replaceAll(/\W+/g, "-") ?? null }
}

/** What names this boot and these namespaces, and whether no other machine can have the same. */
const place = (): { readonly name: string; readonly isUnique: boolean } => {
  const host = { name: NodeOs.hostname(), isUnique: false }
  if (process.platform === "darwin") {
    const boot = run("sysctl", "-n", "kern.bootsessionuuid")
    return boot === undefined ? host : { name: boot, isUnique: true }
  }
  if (process.platform !== "linux") return host
  const boot = readText("/proc/sys/kernel/random/boot_id")?.trim()
  // A /proc of another namespace speaks of other pids.
  if (boot === undefined || linuxStat("self")?.pid !== process.pid) return host
  try {
    const time = NodeFs.existsSync("/proc/self/ns/time") ? NodeFs.readlinkSync("/proc/self/ns/time") : ""
    return { name: `${boot} ${NodeFs.readlinkSync("/proc/self/ns/pid")} ${time}`, isUnique: true }
  } catch {
    return host
  }
}

let known: { readonly identity: Identity; readonly isUnique: boolean } | undefined

const find = () => {
  if (known !== undefined) return known
  const { isUnique, name } = place()
  const realm = NodeCrypto.createHash("sha256").update(name).digest("hex").slice(0, 16)
  known = { identity: { pid: process.pid, started: look(process.pid).started, realm }, isUnique }
  return known
}

/** This process. */
export const self = (): Identity => find().identity

/** What is to be thought of another process. */
export const check = (identity: Identity): Verdict => judge(identity, self().realm, look(identity.pid))

/** The identity as a word, where no process on any other machine can have the same. */
export const word = (): string | undefined => {
  const { identity, isUnique } = find()
  return isUnique && identity.started !== null ? `${identity.pid}.${identity.started}.${identity.realm}` : undefined
}

/** Whether the process that gave this word has ended for certain. */
export const isGone = (text: string): boolean => {
  const [, pid, started, realm] = /^([1-9]\d{0,9})\.([\w-]+)\.([0-9a-f]{16})$/.exec(text) ?? []
  return realm !== undefined && find().isUnique && check({ pid: Number(pid), started: started!, realm }) === "gone"
}

/** Lets Crewline take over at once what processes left that died on this machine. */
export const layer: Layer.Layer<never> = Layer.sync(Liveness.Liveness, () => ({ self: word(), isGone }))
