/**
 * Trains two tasks over four phases in a process that is there to be killed. Tells every event on a line of its own and
 * the checkpoint's hash at the end.
 */
import { writeSync } from "node:fs"
import * as Freeze from "@thaw/steps/Freeze"
import * as Corpus from "../../corpus.ts"
import * as World from "../../world.ts"

const say = (...words: ReadonlyArray<string | number>) => writeSync(1, `${words.join(" ")}\n`)

const trained = Corpus.trained({
  freeze: Freeze.phases([
    { train: ["heads"], epochs: 2 },
    { train: ["heads", "block.1"], epochs: 2 },
    { train: ["heads", "block.0+"], converged: { minDelta: 0, patience: 2, maxEpochs: 3 } },
    { train: ["*"], epochs: 2 },
  ]),
  earlyStopping: { patience: 4 },
  dropout: 0.1,
  l2sp: 0.01,
  batch: 4,
  accumulate: 2,
  save: { everyUpdates: 2 },
})

const world = World.make({ home: process.argv[2]! })
await world.interrupted({ trained }, (event) => {
  if (event._tag === "update" || event._tag === "saved") say(event._tag, event.phase, event.update)
  else say(event._tag)
  return false
})
// Everything is kept by now.
const { hashes } = await world.run({ trained })
say("hash", hashes.trained)
await world.dispose()
