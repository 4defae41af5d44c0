/** A script that Redis runs. */
export interface Script {
  readonly name: string
  /** Lua that makes `run`, a function of keys and arguments. */
  readonly source: string
  /**
   * As a function it only reads, or also writes when Redis has no memory left: what is under way
   * comes to its end.
   */
  readonly flags: ReadonlyArray<"no-writes" | "allow-oom">
}
