/** Trains the small corpus in a process of its own and prints the checkpoint's hash. */
import * as Corpus from "../corpus.ts"
import * as World from "../world.ts"

const world = World.make({ threads: Number(process.argv[2]) })
const { hashes } = await world.run({ trained: Corpus.trained() })
console.log(hashes.trained)
await world.dispose()
