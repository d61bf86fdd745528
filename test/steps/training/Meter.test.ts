import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import { Sessions } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import * as Meter from "@thaw/steps/training/Meter"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"

const zeros = (...shape: ReadonlyArray<number>) => Tensor.float32(shape, new Float32Array(Tensor.elements(shape)))

describe("a metered device", () => {
  it("counts the products of every run at the lengths of what is fed, and changes no answer", () =>
    Effect.gen(function* () {
      const meter = Meter.make(yield* (yield* Sessions).open)
      const [x, w] = [Value.input("x", "float32", ["batch", 3]), Value.input("w", "float32", [3, 4])]
      const graph = Graph.make({ name: "product", outputs: { y: Op.MatMul(x, w) } })
      yield* meter.device.put({ w: zeros(3, 4) })
      expect(meter.read()).toEqual({ work: 0, seconds: 0 })
      const session = yield* meter.device.session(graph)
      for (const batch of [2, 5, 2]) {
        const { y } = yield* session.run({ feeds: { x: zeros(batch, 3) }, resident: { w: "w" }, fetch: ["y"] })
        expect(y!.shape).toEqual([batch, 4])
      }
      expect(meter.read().work).toBe((2 + 5 + 2) * 2 * 3 * 4)
      expect(meter.read().seconds).toBeGreaterThan(0)
    }).pipe(Effect.scoped, Effect.provide(SessionProcess.layer({ threads: 1 })), Effect.runPromise))
})
