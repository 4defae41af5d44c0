/** The exact prompts of models. Changing a text requires raising the version of its file. */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import * as Accept from "../../src/Manager/AcceptPrompt.ts"
import * as Assign from "../../src/Manager/AssignPrompt.ts"
import * as Coworkers from "../../src/Manager/Coworkers.ts"
import * as Delegate from "../../src/Manager/DelegatePrompt.ts"
import * as Excerpt from "../../src/Manager/Excerpt.ts"
import * as Recover from "../../src/Manager/RecoverPrompt.ts"
import * as Replan from "../../src/Manager/ReplanPrompt.ts"
import * as Review from "../../src/Manager/ReviewPrompt.ts"
import * as Synthesis from "../../src/Manager/SynthesisPrompt.ts"
import { agent } from "../fake/Managed.ts"
import * as World from "../fake/World.ts"

const plan = World.plan(
  { write: { frame: { candidates: ["agent", "other"], tools: ["look"] } } },
  { agents: { agent: agent("Writer"), other: agent("Researcher", { tools: ["look"] }) } }
)
const task = plan.tasks[0]!

/** The description of the coworkers for one agent. */
const coworkers = Coworkers.of(plan, [])

it("delegation", () => {
  expect([
    Delegate.delegate,
    Delegate.ask,
    Delegate.coworkers(coworkers),
    Delegate.brief("Count.", "There are two."),
    Delegate.brief("Count.", " "),
    Delegate.unknownCoworker("x", coworkers, "agent"),
    Delegate.ambiguousCoworker("w", ["agent", "other"], []),
    Delegate.loop("agent", ["other", "agent"], coworkers),
    Delegate.loop("agent", ["agent"], []),
    Delegate.missing("task", "delegate_work"),
    Delegate.invalidSchema("bad type"),
    Delegate.failed("agent", { attempts: 3, code: "timeout", message: "Too slow." }),
    Delegate.notDone("agent", "cancelled"),
    Delegate.doubtful("agent", ["It is empty."], {})
  ]).toMatchInlineSnapshot(`
    [
      {
        "instructions": "Delegates a task to a coworker and returns the result. The coworker knows nothing of your task or of your conversation: say everything it needs in task and context. Call it several times in one turn to have several tasks done in parallel.",
        "version": 2,
      },
      {
        "instructions": "Asks a coworker a question and returns the answer. The coworker knows nothing of your task or of your conversation: say everything it needs in question and context.",
        "version": 2,
      },
      "Your coworkers:
    - agent (Writer): g
    - other (Researcher): g",
      "Count.

    Context:
    There are two.",
      "Count.",
      "There is no coworker "x". Did you mean "agent"? You can delegate to: agent (Writer), other (Researcher).",
      ""w" could be "agent" or "other": use the name. There is nobody else: do the work yourself.",
      "agent is waiting for this work already (agent -> other): delegating back would be a loop. You can delegate to: agent (Writer), other (Researcher).",
      "You cannot delegate to yourself. There is nobody else: do the work yourself.",
      "The tool "delegate_work" needs task: a text that is not empty. Call it again.",
      "output_schema is not a valid JSON Schema: bad type. Correct it, or leave it out.",
      "agent failed after 3 attempts (timeout): Too slow.
    There is no result. Delegate it differently, to another coworker, or do without it, and say so in your answer.",
      "The work of agent was cancelled: there is no result.",
      "The result of agent is not a success as it stands:
    - It is empty.
    The result was:
    {}",
    ]
  `)
})

it("assignment", () => {
  expect(Assign.version).toBe(2)
  expect([
    Assign.instructions("delegate"),
    Assign.facts(plan, task),
    Assign.expectedOutput("delegate"),
    Assign.output(task.frame!.candidates),
    Assign.nothingDelegated
  ]).toMatchInlineSnapshot(`
    [
      "Decide who does a task. Choose the agent whose role, goal and tools fit best. Choose "delegate" only when the task needs several agents: then you split it up and delegate the parts.",
      "The task "write":
    Do write.

    Expected output: Text.
    Tools that it needs: look

    The agents:
    - agent: Writer. Goal: g. Tools: none.
    - other: Researcher. Goal: g. Tools: look.",
      "The name of one agent, or "delegate", and the reason in one sentence.",
      {
        "additionalProperties": false,
        "properties": {
          "agent": {
            "enum": [
              "agent",
              "other",
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

it("recovery", () => {
  expect(Recover.version).toBe(3)
  const error = { code: "max-turns", message: "No answer.", isRetryable: false }
  const choices = ["retry", "rewrite", "reassign", "replace", "continue", "skip", "abort"] as const
  expect([
    Recover.instructions,
    Recover.facts({
      plan,
      task,
      error,
      attempts: 3,
      lastAnswer: "Hm.",
      choices,
      others: ["other"]
    }),
    Recover.facts({ plan, task, error, attempts: 1, choices: choices.slice(4), others: [] }),
    Recover.expectedOutput,
    Recover.output({ choices, others: ["other"] }),
    Recover.output({ choices: choices.slice(4), others: [] }),
    Recover.advice("Look twice."),
    Recover.rewritten("Do less."),
    Recover.interrupted
  ]).toMatchInlineSnapshot(`
    [
      "A task has failed for good. Decide what is done about it.",
      "The task "write" of agent:
    Do write.

    Expected output: Text.

    It failed after 3 attempts (max-turns): No answer.

    The last answer of its agent:
    Hm.

    You can choose, best first:
    - retry: the same agent goes on in its conversation, with your advice
    - rewrite: the same agent goes on, with another description of the task
    - reassign: another agent does the task
    - replace: new tasks take its place; the output of the last one is the output
    - continue: tasks that depend on it run, and are told that it failed
    - skip: tasks that depend on it are skipped
    - abort: the whole execution fails

    The other agents:
    - other: Researcher. Tools: look.",
      "The task "write" of agent:
    Do write.

    Expected output: Text.

    It failed after 1 attempt (max-turns): No answer.

    You can choose, best first:
    - continue: tasks that depend on it run, and are told that it failed
    - skip: tasks that depend on it are skipped
    - abort: the whole execution fails",
      "Your choice, the reason in one sentence, and what the choice needs: advice (retry), description (rewrite), agent (reassign), tasks (replace).",
      {
        "additionalProperties": false,
        "properties": {
          "advice": {
            "description": "with retry: what to do differently",
            "type": "string",
          },
          "agent": {
            "description": "with reassign",
            "enum": [
              "other",
            ],
            "type": "string",
          },
          "choice": {
            "enum": [
              "retry",
              "rewrite",
              "reassign",
              "replace",
              "continue",
              "skip",
              "abort",
            ],
            "type": "string",
          },
          "description": {
            "description": "with rewrite: the whole new description",
            "type": "string",
          },
          "reason": {
            "description": "in one sentence",
            "type": "string",
          },
          "tasks": {
            "description": "with replace: in order, the last one gives the output",
            "items": {
              "additionalProperties": false,
              "properties": {
                "agent": {
                  "type": "string",
                },
                "context": {
                  "description": "names of tasks before it",
                  "items": {
                    "type": "string",
                  },
                  "type": "array",
                },
                "description": {
                  "type": "string",
                },
                "expectedOutput": {
                  "type": "string",
                },
                "name": {
                  "type": "string",
                },
              },
              "required": [
                "name",
                "description",
                "expectedOutput",
              ],
              "type": "object",
            },
            "maxItems": 20,
            "type": "array",
          },
        },
        "required": [
          "choice",
          "reason",
        ],
        "type": "object",
      },
      {
        "additionalProperties": false,
        "properties": {
          "advice": {
            "description": "with retry: what to do differently",
            "type": "string",
          },
          "choice": {
            "enum": [
              "continue",
              "skip",
              "abort",
            ],
            "type": "string",
          },
          "description": {
            "description": "with rewrite: the whole new description",
            "type": "string",
          },
          "reason": {
            "description": "in one sentence",
            "type": "string",
          },
        },
        "required": [
          "choice",
          "reason",
        ],
        "type": "object",
      },
      "Your work on this task has failed, and you may go on. The advice of the manager:
    Look twice.

    Follow it, and give the whole answer.",
      "The task was rewritten. From now on it is:
    Do less.",
      "This call was not finished: the task failed before. Whether it took effect is not known.",
    ]
  `)
})

it("review", () => {
  expect(Review.version).toBe(3)
  expect([
    Review.instructions,
    Review.facts({ task, output: "One.", doubts: [] }),
    Review.facts({ task, output: "{}", doubts: [{ check: "emptyOutput", message: "The output is empty." }] }),
    Review.facts({ task, output: "x".repeat(20_100), doubts: [] }).slice(-100),
    Review.expectedOutput,
    Review.output,
    Review.notReviewed,
    Review.unchanged,
    ...[0, 1, 2].map(Review.tooOften)
  ]).toMatchInlineSnapshot(`
    [
      "Review the output of a task. Accept it when it does what the task asks for. Otherwise send it back, and say exactly what has to be changed: the agent sees your feedback and nothing else. Matters of taste are no reason to send it back.",
      "The task "write" of agent:
    Do write.

    Expected output: Text.

    The output:
    <output>
    One.
    </output>",
      "The task "write" of agent:
    Do write.

    Expected output: Text.

    The output:
    <output>
    {}
    </output>

    Signs that it may not be what it says:
    - The output is empty.",
      "xxxxxxxxxxxx…
    (100 more characters: read_output with task "write" and from 20000 reads on)
    </output>",
      "Your verdict, the reason in one sentence, and feedback when it is sent back.",
      {
        "additionalProperties": false,
        "properties": {
          "feedback": {
            "description": "with revise: what has to be changed",
            "type": "string",
          },
          "reason": {
            "description": "in one sentence",
            "type": "string",
          },
          "verdict": {
            "enum": [
              "accept",
              "revise",
            ],
            "type": "string",
          },
        },
        "required": [
          "verdict",
          "reason",
        ],
        "type": "object",
      },
      "The manager returned no verdict on the output.",
      "The output is the one that the manager had sent back, unchanged.",
      "The manager would send the output back, and may not.",
      "The manager had sent the output back once, and would again.",
      "The manager had sent the output back 2 times, and would again.",
    ]
  `)
})

it("excerpts", () => {
  expect(Excerpt.version).toBe(1)
  const { description, parameters } = Excerpt.tool(() => Effect.succeed(undefined))
  expect([Excerpt.of("write", "abc", 3), Excerpt.of("write", "abcd", 3), description, parameters])
    .toMatchInlineSnapshot(`
    [
      "abc",
      "abc…
    (1 more characters: read_output with task "write" and from 3 reads on)",
      "Reads an output of which you are shown only the beginning, up to 20000 characters at once. Call it only when what you are shown is not enough for your decision.",
      {
        "properties": {
          "from": {
            "description": "How many characters to leave out.",
            "minimum": 0,
            "type": "integer",
          },
          "task": {
            "description": "The task whose output it is.",
            "type": "string",
          },
        },
        "required": [
          "task",
        ],
        "type": "object",
      },
    ]
  `)
})

it("acceptance", () => {
  expect(Accept.version).toBe(2)
  const texts = ["It is short.", "It names its sources."]
  expect([
    Accept.instructions,
    Accept.subject(task),
    Accept.criteria(texts),
    Accept.expectedOutput,
    Accept.output(texts),
    Accept.failing([
      { criterion: texts[0]!, verdict: "failed", reason: "Two pages." },
      { criterion: texts[1]!, verdict: "failed" }
    ]),
    Accept.count(2, 0),
    Accept.count(2, 1),
    Accept.notJudged,
    Accept.limitReached
  ]).toMatchInlineSnapshot(`
    [
      "Hold the result of the crew against what it must fulfil. Judge each criterion by itself, by what the output shows. A criterion passes only when the output fulfils all of it; otherwise say what is missing, so that it can be mended.",
      "The result comes from the task "write" of agent:
    Do write.

    Expected output: Text.",
      "The criteria of the crew:
    - criterion_1: It is short.
    - criterion_2: It names its sources.",
      "For each criterion whether it passes, and the reason in one sentence.",
      {
        "additionalProperties": false,
        "properties": {
          "criterion_1": {
            "additionalProperties": false,
            "description": "It is short.",
            "properties": {
              "passed": {
                "type": "boolean",
              },
              "reason": {
                "description": "in one sentence",
                "type": "string",
              },
            },
            "required": [
              "passed",
              "reason",
            ],
            "type": "object",
          },
          "criterion_2": {
            "additionalProperties": false,
            "description": "It names its sources.",
            "properties": {
              "passed": {
                "type": "boolean",
              },
              "reason": {
                "description": "in one sentence",
                "type": "string",
              },
            },
            "required": [
              "passed",
              "reason",
            ],
            "type": "object",
          },
        },
        "required": [
          "criterion_1",
          "criterion_2",
        ],
        "type": "object",
      },
      "The output does not fulfil:
    - It is short. (Two pages.)
    - It names its sources.",
      "All criteria pass (2).",
      "1 of 2 criteria fail.",
      "It was not judged.",
      "It was not judged: a limit was reached.",
    ]
  `)
})

it("synthesis", () => {
  expect(Synthesis.version).toBe(3)
  expect([
    Synthesis.instructions,
    Synthesis.facts([task, World.plan({ judge: {} }).tasks[0]!]),
    Synthesis.expectedOutput
  ]).toMatchInlineSnapshot(`
    [
      "Write the result of the crew from what its final tasks came to. Put their results together into one: whole, in good order, and without saying anything twice. Use what they say and nothing else, and call nothing done that they do not. Where a result is missing, failed or only partial, say so. Whoever reads yours sees none of theirs.",
      "The final tasks:
    - write: Do write.
    - judge (agent): Do judge.",
      "The whole result, ready for use.",
    ]
  `)
})

it("replanning", () => {
  expect(Replan.version).toBe(1)
  expect([
    Replan.description(coworkers),
    Replan.parameters,
    Replan.instructions,
    Replan.facts(4),
    Replan.end(4),
    Replan.notNow,
    Replan.noTasks,
    Replan.wrong("x", Replan.twice),
    Replan.stalled
  ]).toMatchInlineSnapshot(`
    [
      "Makes a new plan of what is left to do, as tasks of your coworkers that are done at once, but for those that read others. The coworkers know nothing of your task or of your conversation: say everything that they need. Your coworkers:
    - agent (Writer): g
    - other (Researcher): g",
      {
        "context": "Names of tasks of this plan whose results it reads.",
        "coworker": "The name of the coworker.",
        "expectedOutput": "What a good result looks like.",
        "name": "A name of the task: letters, digits, _ and -.",
        "reason": "Why this will get on where the last plan did not, in one sentence.",
        "task": "What is to be done, in full, with all that the coworker has to know.",
        "tasks": "All that is left to do.",
      },
      "You are not getting on. Make a new plan with the tool replan, in one call: all that is left to do, divided differently. You can do that once. If you have all that you need, answer.",
      "In 4 turns in a row nothing that you delegated was finished, or you only delegated again what you had delegated before.",
      "You are still not getting on (4 turns in a row): nothing more can be delegated, and this is your last answer. Give the best result that you can with what you have, and say clearly what is missing.",
      "A new plan is made only when you are told to. Use delegate_work.",
      "The plan has no tasks: give a list of objects with name, task and coworker. No task was added.",
      "The task "x" of the plan cannot be done: there are two of that name. No task was added: correct it, and give the whole plan again.",
      "The manager got no further with the work that it delegated, and ended with what there was.",
    ]
  `)
})
