/**
 * What follows from decisions outside of the log: rows that are stored with them, and served by
 * whoever stored them.
 */
import type * as Execution from "../../Execution.ts"
import type { Draft, ExecutionEvent } from "../../ExecutionEvent.ts"
import * as Outbox from "../../Outbox.ts"

/** What was stored of drafts that rows follow from. */
export interface Stored {
  readonly drafts: ReadonlyArray<Draft>
  readonly events: ReadonlyArray<ExecutionEvent>
  readonly rows: Outbox.NewRows
}

/** Rows that are done, and travel with appends. */
export interface Riding {
  /** Takes those of an execution; `undefined`: there are none. */
  readonly board: (tenant: string, executionId: string) => ReadonlyArray<Outbox.Settled> | undefined
  /** The append that they travelled with may not have been stored. */
  readonly back: (settled: ReadonlyArray<Outbox.Settled>) => void
}

/** Who serves the rows. */
export interface Server {
  readonly consumers: ReadonlyArray<Outbox.Consumer>
  readonly leaseMillis: number
  /**
   * Rows that are done, for the next append of their execution to settle; absent: none need that.
   */
  readonly riding?: Riding
  readonly onStored: (deliveries: ReadonlyArray<Outbox.Delivery>) => void
}

export class Following {
  private server: Server | undefined

  /** From now on rows are stored for these consumers. */
  serveBy(server: Server): void {
    this.server = server
  }

  /** What the next append of an execution settles; `undefined`: nothing. */
  board(tenant: string, executionId: string): ReadonlyArray<Outbox.Settled> | undefined {
    return this.server?.riding?.board(tenant, executionId)
  }

  /** An append may not have settled these. */
  back(settled: ReadonlyArray<Outbox.Settled>): void {
    this.server?.riding?.back(settled)
  }

  rowsOf(state: Execution.Execution, drafts: ReadonlyArray<Draft>): Outbox.NewRows | undefined {
    if (this.server === undefined) return undefined
    const { consumers, leaseMillis } = this.server
    const rows = Outbox.rowsOf(consumers, state, drafts)
    return rows === undefined ? undefined : { rows, leaseMillis }
  }

  stored(tenant: string, { id, plan, requester }: Execution.Execution, { drafts, events, rows }: Stored): void {
    this.server?.onStored(
      rows.rows.flatMap(({ consumer, event: at, part }): ReadonlyArray<Outbox.Delivery> => {
        const event = events.length === drafts.length ? events[at] : sameAs(drafts[at]!, events)
        if (event === undefined) return []
        const row = { tenant, executionId: id, seq: event.seq, part, consumer, attempts: 1 }
        return [{ row, event, plan, requester }]
      })
    )
  }
}

/** Turns that were stored before are left out, which moves the others. */
const sameAs = (draft: Draft, events: ReadonlyArray<ExecutionEvent>): ExecutionEvent | undefined =>
  events.find(
    (event) =>
      event.type === draft.type &&
      ("taskId" in event ? event.taskId : undefined) === ("taskId" in draft ? draft.taskId : undefined)
  )
