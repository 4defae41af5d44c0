/**
 * The crew used for kills: eleven tasks, four of them parallel, sequential and parallel tool calls,
 * typed outputs, an answer that is sent back, a guardrail, a provider that fails once, a condition
 * that is false, an output file.
 *
 * Every text contains `tag`, so that the provider can distinguish the turns of all executions.
 */
export const fileName = "facts.txt"
export const fileText = "Sea otters hold hands while they sleep.\n"

const verdictSchema = (tag: string) => ({
  type: "object",
  description: `What ${tag} came to`,
  properties: { approved: { type: "boolean" }, score: { type: "integer" } },
  required: ["approved", "score"],
  additionalProperties: false
})

const calculate = (expression: string) => `[[tool:calculate {"expression":"${expression}"}]]`
const readFile = `[[tool:file_read {"path":"${fileName}"}]]`

export const make = (tag: string) => ({
  name: "crash",
  agents: {
    researcher: {
      role: `Researcher of ${tag}`,
      goal: "Find facts",
      model: "openai/fake",
      tools: ["file_read", "calculate"]
    },
    writer: { role: `Writer of ${tag}`, goal: "Write well", model: "openai/fake" }
  },
  tasks: {
    read: { agent: "researcher", description: `${tag}: read the file. ${readFile}`, expectedOutput: "facts" },
    count: {
      agent: "researcher",
      description: `${tag}: count. ${calculate("6 * 7")} then ${calculate("42 + 1")} then ${calculate("43 / 2")}`,
      expectedOutput: "a number"
    },
    both: {
      agent: "researcher",
      description: `${tag}: do both. ${calculate("2 + 2")} + ${readFile} then ${calculate("9 - 4")}`,
      expectedOutput: "both"
    },
    flaky: {
      agent: "writer",
      description: `${tag}: try. [[fail:503:1]]`,
      expectedOutput: "something",
      retry: { attempts: 3, initial: "30 millis" }
    },
    shape: {
      agent: "writer",
      description: `${tag}: shape.`,
      expectedOutput: "JSON",
      output: verdictSchema(`${tag} shape`)
    },
    skipped: {
      agent: "writer",
      description: `${tag}: never.`,
      expectedOutput: "nothing",
      when: { task: "shape", path: "/score", equals: 1_000 }
    },
    verdict: {
      agent: "writer",
      description: `${tag}: judge. [[answer:no JSON at all]]`,
      expectedOutput: "JSON",
      context: ["read", "count"],
      output: verdictSchema(`${tag} verdict`)
    },
    compare: {
      agent: "writer",
      description: `${tag}: compare.`,
      expectedOutput: "text",
      context: ["read", "both", "flaky"]
    },
    draft: {
      agent: "writer",
      description: `${tag}: draft.`,
      expectedOutput: "text",
      context: ["compare", "verdict"],
      outputFile: `${tag}.md`
    },
    review: {
      agent: "writer",
      description: `${tag}: review.`,
      expectedOutput: "text",
      context: ["draft"],
      guardrails: [`It is about ${tag}.`]
    },
    publish: {
      agent: "writer",
      description: `${tag}: publish.`,
      expectedOutput: "text",
      context: ["review", "shape"],
      dependsOn: ["skipped"]
    }
  }
})

/** The expected result of each task. */
export const expectedStatus: Readonly<Record<string, string>> = {
  read: "completed",
  count: "completed",
  both: "completed",
  flaky: "completed",
  shape: "completed",
  skipped: "skipped",
  verdict: "completed",
  compare: "completed",
  draft: "completed",
  review: "completed",
  publish: "completed"
}
