/** Rules of limits up the tree that are asked about, as in `Mutations`. */
import type { Mutation } from "./Mutations.ts"

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
  budgetIsNobodys: {
    number: "27",
    says: "A budget is asked about until it is answered, whatever becomes of the task that asked first.",
    changes: [{ file: asking, find: `if (one.kind !== "budget") ids.push(id)`, replace: "ids.push(id)" }],
    scenario: "subtree budgets, alone",
    within: 200
  }
} satisfies { readonly [name: string]: Mutation }
