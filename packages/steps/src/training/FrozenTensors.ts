/**
 * Proof that what is frozen stayed what it was: a SHA-256 of every resident tensor that the phase may not change, before
 * and after. A difference is a failed run, never a warning.
 */
import { createHash } from "node:crypto"
import * as Problem from "@thaw/core/Problem"
import { TrainingInvalid } from "@thaw/models/Errors"
import type { SessionFailed } from "@thaw/onnx/Errors"
import type { Device } from "@thaw/onnx/Session"
import { Effect } from "effect"

export type Digests = Readonly<Record<string, string>>

/** One hash for all, in the order of names. */
export const summary = (digests: Digests): { readonly tensors: number; readonly sha256: string } => {
  const names = Object.keys(digests).sort()
  const hash = createHash("sha256")
  for (const name of names) hash.update(`${name} ${digests[name]!}\n`)
  return { tensors: names.length, sha256: hash.digest("hex") }
}

/** Compares with the device's tensors as they are now. */
export const verify = Effect.fnUntraced(function* (
  device: Device,
  before: Digests,
  where: string,
): Effect.fn.Return<void, SessionFailed | TrainingInvalid> {
  const now = yield* device.digest(Object.keys(before))
  const changed = Object.keys(before).filter((name) => now[name] !== before[name])
  if (changed.length === 0) return
  const first = changed.slice(0, 3)
  return yield* new TrainingInvalid({
    where,
    expected: "every frozen tensor to keep its bits",
    got: `${changed.length} changed: ${Problem.list(first)}${changed.length > first.length ? ", …" : ""}`,
    advice:
      "What the phase gave is not kept. This is an error of Thaw or of the machine's memory; run again and report it.",
  })
})
