import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import * as Policy from "../src/Policy.ts"

const calm: Policy.Circumstances = {
  isListed: true,
  isGenerated: false,
  exposure: { privateData: [], untrustedText: [], leadsOut: false }
}

const call = (tool: string, kind: Policy.Call["kind"] = "read", args: Policy.Call["arguments"] = {}): Policy.Call => ({
  tool,
  kind,
  arguments: args
})

const verdictOf = (
  made: Policy.Call,
  policy: Policy.Policy | ReadonlyArray<Policy.Scoped>,
  more: Partial<Policy.Circumstances> = {}
) => Policy.decide(made, "length" in policy ? policy : [{ scope: "crew", ...policy }], { ...calm, ...more }).verdict

const strictness = (verdict: Policy.Decision["verdict"]): number => -Policy.effects.indexOf(verdict)

const kind = fc.constantFrom("read" as const, "write" as const, "execute" as const, "network" as const)
const name = fc.constantFrom("a", "ab", "file_read", "file_write", "web_fetch")
const args = fc.record({ to: fc.constantFrom("x", "y", 7), deep: fc.boolean() }, { requiredKeys: [] })
const calls = fc.record({ tool: name, kind, arguments: args })
const schema = fc.constantFrom(
  { properties: { to: { const: "x" } }, required: ["to"] },
  { properties: { to: { type: "string" } } },
  { not: { required: ["deep"] } },
  // Cannot be decided: the schema is not one.
  { type: 7 }
)
const rule: fc.Arbitrary<Policy.Rule> = fc.oneof(
  fc.oneof(name, fc.constantFrom("*", "file_*", "*_write", "*e*")),
  fc.record({ tool: fc.oneof(name, fc.constant("*b")), kind, arguments: schema }, { requiredKeys: [] })
)
const rules = fc.array(rule, { maxLength: 4 })
const scoped: fc.Arbitrary<Policy.Scoped> = fc.record(
  {
    scope: fc.constantFrom("tenant" as const, "crew" as const, "agent" as const, "task" as const),
    deny: rules,
    ask: rules,
    allow: rules
  },
  { requiredKeys: ["scope"] }
)
const policies = fc.array(scoped, { maxLength: 4 })
const circumstances: fc.Arbitrary<Policy.Circumstances> = fc.record({
  isListed: fc.boolean(),
  isGenerated: fc.boolean(),
  isChanged: fc.boolean(),
  exposure: fc.record({
    privateData: fc.constantFrom([], ["file_read"]),
    untrustedText: fc.constantFrom([], ["web_fetch"]),
    leadsOut: fc.boolean()
  })
})

describe("Policy", () => {
  it("denies if any rule denies, regardless of other rules and scopes", () => {
    fc.assert(
      fc.property(calls, policies, circumstances, fc.nat(4), (made, all, given, at) => {
        const denying = { scope: "task", deny: [made.tool] } as const
        const decision = Policy.decide(made, all.toSpliced(at, 0, denying), given)
        assert.strictEqual(decision.verdict, "deny")
        assert.notStrictEqual(decision.reason, "")
      })
    )
  })

  it("never allows more when a deny rule is added", () => {
    fc.assert(
      fc.property(calls, policies, circumstances, scoped, rule, (made, all, given, policy, added) => {
        const before = Policy.decide(made, [...all, policy], given)
        const denies = { ...policy, deny: [...(policy.deny ?? []), added] }
        const after = Policy.decide(made, [...all, denies], given)
        assert.isAtLeast(strictness(after.verdict), strictness(before.verdict))
      })
    )
  })

  it("refuses every call of a tool that it reports as always refused", () => {
    const refusing = policies.filter((all) => all.length > 0)
    fc.assert(
      fc.property(calls, refusing, circumstances, ({ arguments: args, kind, tool }, all, given) => {
        if (!Policy.refusesAll({ tool, kind }, all)) return
        assert.strictEqual(Policy.decide({ tool, kind, arguments: args }, all, given).verdict, "deny")
      })
    )
    const refuses = (policy: Policy.Policy) => Policy.refusesAll({ tool: "file_write", kind: "write" }, [policy])
    assert.isTrue(refuses({ deny: ["file_*"] }))
    assert.isTrue(refuses({ deny: [{ kind: "write" }] }))
    assert.isTrue(refuses({ allow: ["file_read"] }))
    assert.isFalse(refuses({ deny: [{ tool: "file_write", arguments: {} }] }))
    assert.isFalse(refuses({ allow: [{ kind: "write", arguments: {} }] }))
    assert.isFalse(refuses({ allow: ["file_read"], ask: ["*"] }))
    assert.isFalse(refuses({}))
  })

  it("never allows more when a policy without allow is added, or an allow rule is removed", () => {
    fc.assert(
      fc.property(calls, policies, circumstances, scoped, ({ arguments: args, kind, tool }, all, given, policy) => {
        const made = { arguments: args, kind, tool }
        const before = strictness(Policy.decide(made, all, given).verdict)
        assert.isAtLeast(strictness(Policy.decide(made, [...all, policy], given).verdict), before)
        const { allow = [] } = policy
        const fewer = { ...policy, allow: allow.slice(1) }
        const whole = strictness(Policy.decide(made, [...all, { ...policy, allow }], given).verdict)
        assert.isAtLeast(strictness(Policy.decide(made, [...all, fewer], given).verdict), whole)
      })
    )
  })

  it("does not depend on the order of policies and rules", () => {
    fc.assert(
      fc.property(calls, policies, circumstances, (made, all, given) => {
        const turned = all
          .map((policy) => ({
            ...policy,
            ...(policy.deny === undefined ? {} : { deny: policy.deny.toReversed() }),
            ...(policy.ask === undefined ? {} : { ask: policy.ask.toReversed() }),
            ...(policy.allow === undefined ? {} : { allow: policy.allow.toReversed() })
          }))
          .toReversed()
        assert.strictEqual(Policy.decide(made, turned, given).verdict, Policy.decide(made, all, given).verdict)
      })
    )
  })

  it("allows listed tools; requires approval of more than reading in generated crews and for unlisted tools", () => {
    const decide = (kind: Policy.Call["kind"], more: Partial<Policy.Circumstances>) =>
      Policy.decide(call("t", kind), [], { ...calm, ...more })
    for (const kind of ["read", "write", "execute", "network"] as const) {
      assert.strictEqual(decide(kind, {}).by, "author")
      const expected = kind === "read" ? "allow" : "ask"
      assert.strictEqual(decide(kind, { isGenerated: true }).verdict, expected)
      assert.strictEqual(decide(kind, { isListed: false }).verdict, expected)
    }
    assert.strictEqual(decide("write", { isGenerated: true }).by, "generated")
    assert.match(decide("network", { isListed: false }).reason, /does not list .* connects to other machines/)
    // A generated crew cannot allow itself what is asked about.
    assert.strictEqual(verdictOf(call("t", "write"), { allow: ["t"] }, { isGenerated: true }), "ask")
  })

  it("requires approval only if private data, untrusted text and a way to send data out coincide", () => {
    for (let bits = 0; bits < 8; bits++) {
      const exposure: Policy.Exposure = {
        privateData: (bits & 1) === 0 ? [] : ["file_read"],
        untrustedText: (bits & 2) === 0 ? [] : ["web_fetch"],
        leadsOut: (bits & 4) !== 0
      }
      const decision = Policy.decide(call("http_request", "network"), [{ scope: "crew", allow: ["*"] }], {
        ...calm,
        exposure
      })
      assert.strictEqual(decision.verdict, bits === 7 ? "ask" : "allow")
      if (bits === 7) assert.match(decision.reason, /file_read.*web_fetch/)
    }
  })

  it("requires approval of a changed definition, which only a deny rule overrides", () => {
    const changed = { isChanged: true }
    assert.strictEqual(Policy.decide(call("t"), [], { ...calm, ...changed }).by, "definition")
    assert.strictEqual(verdictOf(call("t"), { allow: ["t"] }, changed), "ask")
    assert.strictEqual(verdictOf(call("t"), { deny: ["t"] }, changed), "deny")
  })

  it("matches arguments against JSON Schemas; an undecidable schema never allows a call", () => {
    const toX = { properties: { to: { const: "x" } }, required: ["to"] }
    const send = (to: string) => call("send", "network", { to })
    assert.strictEqual(verdictOf(send("x"), { deny: [{ tool: "send", arguments: { not: toX } }] }), "allow")
    assert.strictEqual(verdictOf(send("y"), { deny: [{ tool: "send", arguments: { not: toX } }] }), "deny")
    assert.strictEqual(verdictOf(send("x"), { allow: [{ tool: "send", arguments: toX }] }), "allow")
    assert.strictEqual(verdictOf(send("y"), { allow: [{ tool: "send", arguments: toX }] }), "deny")
    const broken = { type: 7 }
    assert.strictEqual(verdictOf(send("x"), { deny: [{ arguments: broken }] }), "deny")
    assert.strictEqual(verdictOf(send("x"), { ask: [{ arguments: broken }] }), "ask")
    assert.strictEqual(verdictOf(send("x"), { allow: [{ arguments: broken }] }), "deny")
    assert.deepStrictEqual(Policy.problems({ ask: ["a", { arguments: broken }] })[0]?.path, ["ask", 1, "arguments"])
  })

  it("refuses calls that match no rule if there is an allow list; ask rules take precedence", () => {
    const policy = { allow: ["file_read"], ask: ["file_write"], deny: ["file_w*_secret"] }
    assert.strictEqual(verdictOf(call("file_read"), policy), "allow")
    assert.strictEqual(verdictOf(call("file_write", "write"), policy), "ask")
    const other = Policy.decide(call("calculate"), [{ scope: "agent", name: "ann", ...policy }], calm)
    assert.deepStrictEqual(other, {
      verdict: "deny",
      by: "no-rule",
      reason: 'No rule of the policy of the agent "ann" allows this call.'
    })
  })

  it("explains a decision by the scope of the rule and its reason", () => {
    const policy: Policy.Scoped = {
      scope: "tenant",
      deny: [{ kind: "network", reason: "Data stays in the house." }]
    }
    assert.deepStrictEqual(Policy.decide(call("web_fetch", "network"), [policy], calm), {
      verdict: "deny",
      by: "rule",
      reason: "A rule of the policy of the tenant denies tools of kind network. Data stays in the house."
    })
  })

  it("matches the whole name against a pattern", () => {
    for (const [pattern, tool, expected] of [
      ["file_*", "file_read", true],
      ["file_*", "my_file_read", false],
      ["*_read", "file_read", true],
      ["a*b*c", "a1b2c", true],
      ["a*b*c", "acb", false],
      ["aba*aba", "aba", false],
      ["*", "", true],
      ["file.read", "file_read", false]
    ] as const)
      assert.strictEqual(verdictOf(call(tool), { deny: [pattern] }), expected ? "deny" : "allow", `${pattern} ${tool}`)
  })
})
