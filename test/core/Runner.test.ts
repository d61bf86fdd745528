import { InvalidData, StepFailed } from "@thaw/core/Errors"
import * as Runner from "@thaw/core/Runner"
import * as RunEvent from "@thaw/core/RunEvent"
import { Cause, Context, Effect, Exit, Fiber } from "effect"
import { describe, expect, it } from "vitest"

class Service extends Context.Service<Service, { readonly word: string }>()("test/Service") {}

describe("a failure of a step", () => {
  const nameless = Object.assign(new Error(""), { name: "Nameless" })
  it.each<[string, unknown, string, string]>([
    ["a typed error", new InvalidData({ where: "a", expected: "b", got: "c", advice: "" }), "InvalidData", "a: expected b, got c."], // prettier-ignore
    ["an error of several lines", new RangeError("first\nsecond"), "RangeError", "first"],
    ["an error that begins with a line break", new Error("\n  first\nsecond"), "Error", "first"],
    ["an error without a message", nameless, "Nameless", "Nameless"],
    ["a string", "just text", "Error", "just text"],
    ["an object", { code: 3 }, "Error", "{ code: 3 }"],
    ["a tagged object", { _tag: "Mine", at: 3 }, "Mine", "{ _tag: 'Mine', at: 3 }"],
    ["nothing", undefined, "Error", "undefined"],
    ["null", null, "Error", "null"],
    ["an object without a prototype", Object.create(null), "Error", "[Object: null prototype] {}"],
  ])("is data, also when it was %s", (_, error, tag, problem) => {
    expect(Runner.failure("Train", error)).toMatchObject({ _tag: "StepFailed", step: "Train", tag, problem })
  })

  it("stays the failure it is", () => {
    const failed = new StepFailed({ step: "inner", tag: "A", problem: "b" })
    expect(Runner.failure("outer", failed)).toBe(failed)
    expect(failed.message).toBe("inner: b")
  })
})

describe("settling what a step gave", () => {
  const settle = <A>(result: () => A | PromiseLike<A> | Effect.Effect<A, unknown, Service>) =>
    Effect.runPromiseExit(Runner.settle("step", Context.make(Service, { word: "thaw" }), result))

  it("gives effects the services of its runner", async () => {
    expect(await settle(() => Service.pipe(Effect.map(({ word }) => word)))).toEqual(Exit.succeed("thaw"))
  })

  it("takes values, promises and what only looks like a promise", async () => {
    expect(await settle(() => 3)).toEqual(Exit.succeed(3))
    expect(await settle(() => null)).toEqual(Exit.succeed(null))
    expect(await settle(() => Promise.resolve(3))).toEqual(Exit.succeed(3))
    const promise = Promise.resolve(3)
    // oxlint-disable-next-line unicorn/no-thenable -- that is what is tried
    const thenable: PromiseLike<number> = { then: promise.then.bind(promise) }
    expect(await settle(() => thenable)).toEqual(Exit.succeed(3))
  })

  it("passes interruption through as interruption", async () => {
    const fiber = Effect.runFork(Runner.settle("step", Context.empty() as Context.Context<unknown>, () => Effect.never))
    await new Promise((done) => setTimeout(done, 5))
    await Effect.runPromise(Fiber.interrupt(fiber))
    const exit = await Effect.runPromise(Fiber.await(fiber))
    expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
  })
})

describe("events as JSON lines", () => {
  it("begin with the event's name and have no tag", () => {
    const line = RunEvent.toJsonLine({ _tag: "noticed", step: "Load.csv", message: "3 rows\nleft out" })
    expect(line).toBe('{"event":"noticed","step":"Load.csv","message":"3 rows\\nleft out"}')
  })
})
