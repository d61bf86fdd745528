import { Schema } from "effect"
import * as RunEvent from "@thaw/core/RunEvent"
import { describe, expect, it } from "vitest"
import { events, project, thaw } from "./thaw.ts"

describe("thaw run --json", () => {
  it("writes one event a line, in order, ending with runFinished", async () => {
    const ended = await thaw(project(), ["run", "triage.ts", "--json"])
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" })
    const stream = events(ended)
    for (const { event, ...fields } of stream) {
      expect(Schema.is(RunEvent.RunEvent)({ _tag: event, ...fields }), event).toBe(true)
    }
    expect(stream.map(({ event }) => event).filter((event) => event !== "update")).toEqual([
      "runStarted",
      "planned",
      "stepStarted",
      "stepFinished",
      "stepStarted",
      "stepFinished",
      "stepStarted",
      "phaseStarted",
      "noticed",
      "evaluated",
      "stepFinished",
      "stepStarted",
      "stepFinished",
      "runFinished",
    ])
    expect(stream.filter(({ event }) => event === "update")).toHaveLength(40)
    const last = stream.at(-1)!
    expect(last["status"]).toBe("done")
    expect(last["metrics"]).toEqual({ "topic.accuracy": 0.9, "topic.macroF1": 0.85, "topic.loss": 0.3 })
    expect(Object.keys(last["outputs"] as object)).toEqual(["scores", "weights"])
    const finished = stream.findLast(({ event }) => event === "stepFinished")!
    expect((last["outputs"] as { scores: unknown }).scores).toMatchObject(
      (finished["outputs"] as { value: object }).value,
    )
  })

  it("ends with failed and the error's own tag when a step fails; what steps print goes elsewhere", async () => {
    const ended = await thaw(project(), ["run", "failing.ts", "--json"])
    expect(ended.code).toBe(1)
    const stream = events(ended)
    expect(stream.filter(({ event }) => event === "failed")).toHaveLength(1)
    expect(stream.at(-1)).toEqual({
      event: "failed",
      step: "check",
      error: { _tag: "InvalidData", message: "line 3: expected right, got wrong. Write right." },
    })
    expect(ended.stderr).toContain("the pipeline's file prints\na step prints\n")
  })

  it.each([
    ["an unknown flag", ["run", "triage.ts", "--json", "--sed", "3"], "ArgumentsInvalid"],
    ["a missing file", ["run", "nothing.ts", "--json"], "PipelineFileInvalid"],
    ["a wrong override", ["run", "triage.ts", "--json", "--set", "train.update=3"], "PipelineInvalid"],
    ["a wrong override of a plan", ["plan", "triage.ts", "--json", "--set", "train.update=3"], "PipelineInvalid"],
  ])("ends with failed for %s", async (_, args, tag) => {
    const ended = await thaw(project(), args)
    expect(ended.code).toBe(2)
    expect(events(ended)).toMatchObject([{ event: "failed", step: null, error: { _tag: tag } }])
  })

  it("tells a plan as one planned event", async () => {
    const ended = await thaw(project(), ["plan", "triage.ts", "--json"])
    expect(ended.code).toBe(0)
    expect(events(ended)).toMatchObject([
      {
        event: "planned",
        steps: [
          { step: "load", cached: false, why: "never ran in this pipeline" },
          { step: "split", cached: null },
          { step: "train", cached: null },
          { step: "evaluate", cached: null },
        ],
      },
    ])
  })
})
