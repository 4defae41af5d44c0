/** Rules of limits up the tree that can be raised by an ask, as in `Mutations`. */
import type { Mutation } from "./Mutations.ts"

const answering = "core/src/Decision/Answer.ts"
const start = "core/src/Decision/Start.ts"
const asking = "core/src/Execution/Asking.ts"
const scopes = "core/src/Execution/Scopes.ts"

export const mutations = {
  subtreeBudget: {
    number: "11",
    says: "The limits of a task bind all that it spawns.",
    changes: [
      {
        file: scopes,
        find: "if (payer.plan.office !== undefined || payer.parent === undefined) return",
        replace: "return"
      }
    ],
    scenario: "subtree budgets, alone",
    within: 50,
    violates: ["over the budget", "spent differs"]
  },
  raiseInAnswer: {
    number: "29",
    says: "The answer and the raise of the limit are one append.",
    changes: [
      { file: answering, find: `said.answer === "raise" ? [answered, raised(`, replace: "false ? [answered, raised(" },
      // Instead each task that shares the ask writes it when it is woken.
      {
        file: start,
        find: `...Settling.cancel(state, losers, "not-needed")`,
        replace: `...Settling.cancel(state, losers, "not-needed"),
          ...task.waits!.groups.flatMap(({ signals }) => signals).flatMap((ask) => {
            const [, scope] = /^budget\\/(.+)\\/\\d+$/.exec(ask) ?? []
            const { onExceeded: _, ...limits } = (scope && Execution.limitsOf(state, scope)) || {}
            return scope ? [{ type: "LimitRaised", scope, limits: { ...limits, requests: limits.requests + 1 }, ask }] : []
          })`
      }
    ],
    scenario: "subtree budgets, alone",
    within: 50,
    violates: ["raised unasked"]
  },
  sharedBudgetAsk: {
    number: "29",
    says: "All who are refused by a limit share one ask.",
    changes: [
      {
        file: "core/src/Ask.ts",
        find: "`budget/${scope}/${raises}`",
        replace: "`budget/${scope}/${raises}/${(globalThis.asks = (globalThis.asks ?? 0) + 1)}`"
      }
    ],
    scenario: "subtree budgets",
    within: 100,
    violates: ["asked twice"]
  },
  budgetIsNobodys: {
    number: "27",
    says: "A budget is asked about until it is answered, whatever becomes of the task that asked first.",
    changes: [{ file: asking, find: `if (one.kind !== "budget") ids.push(id)`, replace: "ids.push(id)" }],
    scenario: "subtree budgets, alone",
    within: 200
  }
} satisfies { readonly [name: string]: Mutation }
