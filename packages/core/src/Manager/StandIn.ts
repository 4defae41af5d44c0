/** What a task comes to when another one did its work: the output, or the failure, of that one. */
import type { Outcome } from "../Decision.ts"
import type * as Plan from "../Plan.ts"
import type { SpawnedResult } from "../Tool/Definition.ts"

/** `lost`: what to say when the other one ended without an error. */
export const outcomeOf = (
  { outputFile }: Plan.PlannedTask,
  { code, criteria, doubts, error, output, partial, policy, status }: SpawnedResult,
  lost: string
): Outcome =>
  status === "completed"
    ? {
        _tag: "Completed",
        output: output ?? null,
        ...(outputFile === undefined ? {} : { outputFile }),
        ...(partial === undefined ? {} : { partial }),
        ...(doubts === undefined ? {} : { doubts }),
        ...(criteria === undefined ? {} : { criteria })
      }
    : {
        _tag: "Failed",
        error: { code: code ?? "work-lost", message: error ?? lost, isRetryable: false },
        ...(policy === undefined ? {} : { policy })
      }
