import { assert, describe, it } from "@effect/vitest"
import { redact } from "../src/Redact.ts"

describe("redact", () => {
  for (const [what, text] of [
    ["an OpenAI key", "Incorrect API key provided: sk-proj-CANARY1234567890_abc-DEF."],
    ["an Anthropic key", "invalid x-api-key sk-ant-api03-CANARY1234567890"],
    ["an AWS key", "The key AKIACANARY1234567890 is not active"],
    ["a GitHub token", "bad credentials: ghp_CANARY1234567890abcdefgh12"],
    ["a fine-grained GitHub token", "bad credentials: github_pat_CANARY1234567890abcdefgh12"],
    ["a Google key", "API key not valid: AIzaSyCANARY1234567890CANARY1234567890-"],
    ["a Slack token", "xoxb-CANARY-1234567890-abc"],
    ["a JSON Web Token", "rejected eyJhbGciOiJI.eyJzdWIiOiJDQU5BUlki.CANARYCANARY-abc_"],
    ["a bearer header", "Authorization: Bearer CANARY.abc/def+ghi=="],
    ["a basic header", "authorization: basic Q0FOQVJZ1234CANARY"],
    ["a password in a URL", "connect to postgres://crew:CANARY@db.example:5432/x failed"],
    ["one with an @", "redis://:p@ssCANARY@cache:6379"],
    ["a setting", "OPENAI_API_KEY=CANARY123"],
    ["a JSON field", '{"api_key":"CANARY123","a":1}'],
    ["one with an underscore before it", "access_token=CANARY123&x=1"],
    ["one in camel case", "{ clientSecret: 'CANARY123' }"],
    ["a password", "password: CANARY123"]
  ] as const) {
    it(`blanks ${what}`, () => {
      const clean = redact(text)
      assert.include(clean, "[redacted]")
      assert.notInclude(clean, "CANARY", clean)
    })
  }

  it("leaves the rest of the text, and lookalikes, unchanged", () => {
    assert.strictEqual(
      redact("connect to postgres://crew:hunter22@db.example:5432/x failed"),
      "connect to postgres://crew:[redacted]@db.example:5432/x failed"
    )
    assert.strictEqual(redact('{"token":"abcdef123","next":1}'), '{"token":"[redacted]","next":1}')
    for (const text of [
      "Task task-12345678 of desk-research-team failed: 42 tokens used",
      "See https://example.com:8080/path?q=1, or mail someone@example.com",
      "The token limit is 4096; tokens: 123456",
      "basic auth is off"
    ]) {
      assert.strictEqual(redact(text), text)
    }
  })

  for (const part of ["a-", "a.b:", "eyJ", "x://", "sk-", "Bearer "]) {
    it(`leaves 100,000 times ${JSON.stringify(part)} alone`, () => {
      // Quadratic work takes longer here than any test may.
      const text = part.repeat(100_000)
      assert.isTrue(redact(text) === text)
    })
  }
})
