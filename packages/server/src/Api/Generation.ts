/** The body and the answer of `POST /api/v1/crews/generate`. */
import * as Agent from "@crewline/core/Agent"
import * as GeneratedCrew from "@crewline/core/GeneratedCrew"
import * as Limits from "@crewline/core/Limits"
import * as Schema from "effect/Schema"
import * as Access from "./Access.ts"

export const Body = Schema.Struct({
  goal: Agent.Text.check(Schema.isMaxLength(100_000)).annotate({
    description: "What the crew is for, in a sentence or more"
  }),
  inputs: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.Json).annotate({
      description: "Inputs of the crew: a default value, or an object with description and default"
    })
  ),
  constraints: Schema.optionalKey(GeneratedCrew.Constraints),
  rounds: Schema.optionalKey(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })).annotate({
      description: "How often an answer of the model may be sent back in each step. Default: 3"
    })
  ),
  limits: Schema.optionalKey(
    Limits.Limits.annotate({
      description: "What the generation itself may spend; what the crew may spend is among the constraints"
    })
  ),
  model: Schema.optionalKey(
    Agent.ModelReference.annotate({ description: "The model that generates. Default: the server's" })
  ),
  optimize: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "False: the crew stays as the model proposed it. Default: true" })
  ),
  run: Schema.optionalKey(
    Schema.Boolean.annotate({ description: "True: a valid crew is started, with the defaults of its inputs" })
  ),
  onBehalfOf: Access.onBehalfOf
}).annotate({
  identifier: "CrewGeneration",
  description: "A goal, and what the crew must keep to",
  examples: [
    {
      goal: "Compare three suppliers of solar panels and recommend one",
      inputs: { region: { description: "Where the panels are installed", default: "Bavaria" } },
      constraints: { maxAgents: 3, asksPeople: false }
    }
  ]
})

export const Answer = Schema.Struct({
  generationId: Schema.String.annotate({
    description: "The execution that generated the crew, with its events and what it cost"
  }),
  ...GeneratedCrew.Generated.fields,
  executionId: Schema.optionalKey(
    Schema.String.annotate({ description: "With run: the execution of the crew; absent: the crew is not valid" })
  )
}).annotate({
  identifier: "CrewGenerated",
  description: "The crew, the reason of each choice, its estimate, and its problems: none when it is valid"
})
