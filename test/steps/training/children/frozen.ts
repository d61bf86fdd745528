/** Trains heads over a frozen encoder, in a process of its own with a store of a folder, and prints the checkpoint's hash. */
import * as Frozen from "../frozen.ts"
import * as World from "../../world.ts"

const [home, rate] = process.argv.slice(2)
const world = World.make({ home: home! })
const { hashes } = await world.run({ trained: Frozen.trained(Number(rate)) })
console.log(hashes.trained)
await world.dispose()
