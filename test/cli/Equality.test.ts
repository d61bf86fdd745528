import * as Equality from "@thaw/cli/Equality"
import type * as ContentKey from "@thaw/core/ContentKey"
import type * as Dag from "@thaw/core/Dag"
import type { Outcomes } from "@thaw/core/Driver"
import type { StepRun } from "@thaw/core/Journal"
import { describe, expect, it } from "vitest"

const ingredients = (given: Partial<ContentKey.Ingredients>): ContentKey.Ingredients => ({
  step: "s",
  version: "1",
  parameters: {},
  inputs: {},
  sources: {},
  seeds: {},
  environment: {},
  ...given,
})

interface Ran {
  readonly step: string
  readonly hash: string
  readonly given?: Partial<ContentKey.Ingredients>
}

const recorded = (...steps: ReadonlyArray<Ran>): ReadonlyArray<StepRun> =>
  steps.map(({ step, hash, given = {} }) => ({
    run: "r",
    step,
    key: "k",
    ingredients: ingredients(given),
    outputs: { value: { kind: "json/n", hash } },
    cached: false,
    seconds: 1,
    finishedAt: "2026-01-01T00:00:00.000Z",
  }))

const outcomes = (...steps: ReadonlyArray<Ran>): Outcomes =>
  new Map(
    recorded(...steps).map(({ step, ...result }) => [
      // Of a node only its label counts here.
      { label: step } as Dag.Node,
      { cached: false, result: { ...result, code: "c" } },
    ]),
  )

describe("comparing a rerun with its run", () => {
  it("tells same, different, new and missing artifacts apart", () => {
    const before = recorded({ step: "a", hash: "1" }, { step: "b", hash: "2" }, { step: "old", hash: "3" })
    const now = outcomes(
      { step: "a", hash: "1" },
      { step: "b", hash: "9", given: { version: "2" } },
      { step: "new", hash: "4" },
    )
    expect(Equality.compare(before, now).map(({ step, verdict, because }) => [step, verdict, because])).toEqual([
      ["a", "same", []],
      ["b", "differs", ["version 1 → 2"]],
      ["new", "not recorded", []],
      ["old", "gone", ["the pipeline has no such step any more"]],
    ])
  })

  it("knows whether both ran on the same kind of machine", () => {
    const on = (environment: Record<string, string>): Ran => ({ step: "a", hash: "1", given: { environment } })
    const avx2 = { onnxruntime: "1.30.0", instructionSet: "x64 avx2" }
    const neon = { onnxruntime: "1.30.0", instructionSet: "arm64 asimd" }
    expect(Equality.machines(recorded(on(avx2)), outcomes(on(avx2)))).toEqual({ _tag: "Same", environment: avx2 })
    expect(Equality.machines(recorded(on(avx2)), outcomes(on(neon)))).toEqual({
      _tag: "Other",
      differences: ["instructionSet: x64 avx2 → arm64 asimd"],
    })
    // The source hash of --strict-code says nothing of the machine.
    expect(Equality.machines(recorded(on({ code: "1" })), outcomes(on({ code: "2" })))).toEqual({ _tag: "Unnamed" })
  })
})
