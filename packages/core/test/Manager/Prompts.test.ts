/** Exactly what models are told. Whoever changes a text raises the version of its file. */
import { expect, it } from "vitest"
import * as Assign from "../../src/Manager/AssignPrompt.ts"
import * as Delegate from "../../src/Manager/DelegatePrompt.ts"

import * as World from "../fake/World.ts"

const plan = World.plan(
  { write: { frame: { candidates: ["a", "b"], tools: ["look"] } } },
  {
    agents: {
      a: { role: "A", goal: "Be a", backstory: "" },
      b: { role: "B", goal: "Be b", backstory: "", tools: ["look"] }
    }
  }
)

const coworkers = [
  { name: "researcher", role: "Researcher", goal: "Find facts" },
  { name: "writer", role: "Writer", goal: "Write plainly" }
]

it("delegation", () => {
  expect(Delegate.version).toBe(1)
  expect([
    Delegate.delegateDescription(coworkers),
    Delegate.askDescription(coworkers),
    Delegate.brief("Count.", "There are two."),
    Delegate.brief("Count.", " "),
    Delegate.unknownCoworker("x", coworkers, "writer"),
    Delegate.ambiguousCoworker("w", ["a", "b"], []),
    Delegate.loop("lead", ["writer", "lead"], coworkers),
    Delegate.loop("lead", ["lead"], []),
    Delegate.missing("task", "delegate_work"),
    Delegate.invalidSchema("bad type"),
    Delegate.failed("writer", { attempts: 3, code: "timeout", message: "Too slow." }),
    Delegate.notDone("writer", "cancelled"),
    Delegate.doubtful("writer", ["It is empty."], {})
  ]).toMatchInlineSnapshot(`
    [
      "Delegates a task to a coworker and returns the result. The coworker knows nothing of your task or of your conversation: say everything it needs in task and context. Call it several times in one turn to have several tasks done in parallel. Your coworkers:
    - researcher (Researcher): Find facts
    - writer (Writer): Write plainly",
      "Asks a coworker a question and returns the answer. The coworker knows nothing of your task or of your conversation: say everything it needs in question and context. Your coworkers:
    - researcher (Researcher): Find facts
    - writer (Writer): Write plainly",
      "Count.

    Context:
    There are two.",
      "Count.",
      "There is no coworker "x". Did you mean "writer"? You can delegate to: researcher (Researcher), writer (Writer).",
      ""w" could be "a" or "b": use the name. There is nobody else: do the work yourself.",
      "lead is waiting for this work already (lead -> writer): delegating back would be a loop. You can delegate to: researcher (Researcher), writer (Writer).",
      "You cannot delegate to yourself. There is nobody else: do the work yourself.",
      "The tool "delegate_work" needs task: a text that is not empty. Call it again.",
      "output_schema is not a valid JSON Schema: bad type. Correct it, or leave it out.",
      "writer failed after 3 attempts (timeout): Too slow.
    There is no result. Delegate it differently, to another coworker, or do without it, and say so in your answer.",
      "The work of writer was cancelled: there is no result.",
      "The result of writer is not a success as it stands:
    - It is empty.
    The result was:
    {}",
    ]
  `)
})

it("assignment", () => {
  expect(Assign.version).toBe(1)
  expect([
    Assign.description(plan, plan.tasks[0]!),
    Assign.expectedOutput,
    Assign.output(["a", "b"]),
    Assign.nothingDelegated
  ]).toMatchInlineSnapshot(`
    [
      "Decide who does the task "write".

    The task:
    Do write.

    Expected output: Text.
    Tools that it needs: look

    The agents:
    - a: A. Goal: Be a. Tools: none.
    - b: B. Goal: Be b. Tools: look.

    Choose the agent whose role, goal and tools fit best. Choose "delegate" only when the task needs several agents: then you split it up and delegate the parts.",
      "The name of one agent, or "delegate", and the reason in one sentence.",
      {
        "additionalProperties": false,
        "properties": {
          "agent": {
            "enum": [
              "a",
              "b",
              "delegate",
            ],
            "type": "string",
          },
          "reason": {
            "description": "in one sentence",
            "type": "string",
          },
        },
        "required": [
          "agent",
          "reason",
        ],
        "type": "object",
      },
      "Nothing of this task was delegated yet, and you do none of the work yourself: delegate it with delegate_work first.",
    ]
  `)
})
