import { createHash } from "node:crypto"
import { Sessions } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Effect } from "effect"
import { expect, it } from "vitest"

it("a device's digest of a resident tensor covers its type, shape and bytes, and says what is not there", async () => {
  const row = Tensor.float32([1, 4], [1, -0, 1e-40, 3])
  const same = Tensor.float32([1, 4], [1, -0, 1e-40, 3])
  const column = Tensor.float32([4, 1], [1, -0, 1e-40, 3])
  const zero = Tensor.float32([1, 4], [1, 0, 1e-40, 3])
  const whole = Tensor.int32([1, 4], new Int32Array(Float32Array.of(1, -0, 1e-40, 3).buffer))
  const { digests, failure } = await Effect.runPromise(
    Effect.gen(function* () {
      const device = yield* (yield* Sessions).open
      yield* device.put({ row, same, column, zero, whole })
      return {
        digests: yield* device.digest(["row", "same", "column", "zero", "whole"]),
        failure: yield* Effect.flip(device.digest(["rows"])),
      }
    }).pipe(Effect.scoped, Effect.provide(SessionProcess.layer({ threads: 1 }))),
  )
  expect(digests["row"]).toBe(createHash("sha256").update("float32 [1,4]\n").update(Tensor.bytes(row)).digest("hex"))
  expect(digests["same"]).toBe(digests["row"])
  expect(new Set(Object.values(digests)).size).toBe(4)
  expect(failure.message).toBe('digest: expected a resident tensor, got "rows" of 5. Did you mean "row"?')
})
