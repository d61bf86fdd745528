/** A process that wants files of a repository, with settings from its environment: address, then paths. */
import * as Address from "@thaw/hub/Address"
import * as Revision from "@thaw/hub/Revision"
import * as Snapshot from "@thaw/hub/Snapshot"
import { Effect } from "effect"

const [address, ...paths] = process.argv.slice(2)
const folder = await Effect.runPromise(
  Effect.gen(function* () {
    return yield* Snapshot.files(yield* Revision.pin(Address.parse(address!)), paths)
  }),
)
process.stdout.write(folder)
