/**
 * Records a run of `updates` updates, then ends it as told: `finish`, or `stay` to be killed. Prints the run's id, or the
 * error and ends with 3.
 */
import * as Journal from "@thaw/core/Journal"
import { Effect } from "effect"

const [root = "", pipeline = "", updates = "0", ending = "finish"] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const journal = yield* Journal.Journal
  const run = yield* journal.begin({ pipeline, file: "a.ts", seed: 1, arguments: {}, versions: {}, machine: {} })
  const rates = { learningRate: 0.001, examplesPerSecond: 100 }
  for (let update = 1; update <= Number(updates); update++) {
    yield* run.record({ _tag: "update", step: "train", phase: 0, update, task: pipeline, loss: 1 / update, ...rates })
    if (update % 50 === 0) yield* Effect.sleep("10 millis")
  }
  if (ending === "stay") {
    // Longer than the journal keeps lines in memory.
    yield* Effect.sleep("1 second")
    console.log(run.id)
    yield* Effect.sleep("1 minute")
  }
  yield* run.finish("done")
  console.log(run.id)
}).pipe(Effect.scoped)

const said = program.pipe(
  Effect.provide(Journal.folder(root)),
  Effect.catch((error) => {
    process.exitCode = 3
    return Effect.sync(() => console.log(error.message))
  }),
)

await Effect.runPromise(said)
