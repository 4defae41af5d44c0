/** The statements that a server sends to its database, counted by purpose. */
import * as Layer from "effect/Layer"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"

/**
 * Periodic statements: lease renewals, reading the outbox, the clock, hints to other processes,
 * checks for a read-only database, reading keys, writing the audit log; and what is read of a
 * tenant at most every two seconds, its registered tools and its tool policy.
 */
const background =
  /crewline_adopt|crewline_owners|crewline_positions|crewline_claim_outbox|clock_timestamp|pg_notify|pg_advisory|transaction_read_only|crewline_has_keys|crewline_standing_keys|crewline_note_keys|crewline_write_audit|crewline_tool_api|crewline_tool_policy/

export class Statements {
  private readonly texts: Array<string> = []

  /** Records every statement; nothing is logged. */
  readonly layer: Layer.Layer<never>

  constructor() {
    const { texts } = this
    class Span extends Tracer.NativeSpan {
      override attribute(key: string, value: unknown): void {
        if (key === "db.query.text") texts.push(String(value))
        super.attribute(key, value)
      }
    }
    this.layer = Layer.mergeAll(
      Layer.succeed(Tracer.Tracer, Tracer.make({ span: (options) => new Span(options) })),
      Layer.succeed(References.MinimumLogLevel, "None")
    )
  }

  /** The counts since the last call, by function of the log or by verb and table. */
  take(): { readonly [kind: string]: number } {
    const counts: Record<string, number> = {}
    for (const text of this.texts.splice(0)) {
      if (background.test(text)) continue
      const kind = /crewline_\w+/.exec(text)?.[0] ?? text
      counts[kind] = (counts[kind] ?? 0) + 1
    }
    return counts
  }
}
