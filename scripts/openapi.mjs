/**
 * Lints the OpenAPI document of the server with the recommended rules of Redocly and the `oas`
 * rules of Spectral. A warning is a failure.
 */
import { createConfig, lintFromString } from "@redocly/openapi-core"
import spectralCore from "@stoplight/spectral-core"
import rulesets from "@stoplight/spectral-rulesets"
import * as OpenApi from "effect/http-api/OpenApi"

/** All findings of Redocly about a document, one per line. */
const redocly = async (text) => {
  const config = await createConfig({ extends: ["recommended"] })
  const problems = await lintFromString({ source: text, absoluteRef: "openapi.json", config })
  return problems.map(
    ({ location, message, ruleId, severity }) =>
      `redocly ${severity} ${ruleId} at ${location[0]?.pointer ?? "#/"}: ${message}`
  )
}

/** All findings of Spectral about a document, one per line. */
const spectral = async (document) => {
  const linter = new spectralCore.Spectral()
  linter.setRuleset({ extends: [rulesets.oas], rules: {} })
  const problems = await linter.run(document)
  return problems.map(({ code, message, path }) => `spectral ${code} at #/${path.join("/")}: ${message}`)
}

/** The findings of both linters about a document; empty if there are none. */
export const lint = async (document) => [...(await redocly(JSON.stringify(document))), ...(await spectral(document))]

/** Of the server in this repository, from its sources. */
export const lintServer = async () => {
  const { Api } = await import("../packages/server/src/Api.ts")
  return lint(OpenApi.fromApi(Api))
}
