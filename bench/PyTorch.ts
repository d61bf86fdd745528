/** The same update in PyTorch: a Python process of its own that does one update for each line it is sent. */
import { execFile, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"
import type * as Timed from "./Timed.ts"
import * as Workload from "./Workload.ts"

/** Debian's python3-torch belongs to the system's own Python, which another one may hide. */
const pythons = ["python3", "/usr/bin/python3"]

export const absent = `none of ${pythons.join(", ")} has torch`

const script = fileURLToPath(new URL("pytorch.py", import.meta.url))

const hasTorch = (python: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    execFile(python, ["-c", "import torch"], (error) => resume(Effect.succeed(error === null)))
  })

/** What of the comparison is PyTorch's own doing. */
export const note = ({ frozenGroups }: Workload.Workload): string =>
  frozenGroups === 0
    ? "pytorch: plain modules, no dropout, torch.optim.AdamW, clip_grad_norm_"
    : "pytorch: the same, its frozen part without gradients and under torch.no_grad()"

/** Starts PyTorch for as long as the scope; undefined where it is not installed. */
export const open = Effect.fnUntraced(function* (
  workload: Workload.Workload,
  threads: number,
): Effect.fn.Return<Timed.Contender<Error> | undefined, Error, Scope.Scope> {
  let python: string | undefined
  for (const candidate of pythons) {
    if (python === undefined && (yield* hasTorch(candidate))) python = candidate
  }
  if (python === undefined) return undefined
  const { classes, positions, learningRate, maxGradientNorm } = Workload
  const settings = { ...workload, classes, positions, learningRate, maxGradientNorm, threads }
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(python, [script, JSON.stringify(settings)], { stdio: ["pipe", "pipe", "inherit"] })),
    ({ stdin }) => Effect.sync(() => stdin.end()),
  )
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const once = Effect.tryPromise({
    try: async () => {
      child.stdin.write("update\n")
      const { value, done } = await lines.next()
      if (done === true) throw new Error("bench/pytorch.py: expected a time, got its end.")
      return Number(value)
    },
    catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause))),
  })
  return { name: "pytorch", once }
})
