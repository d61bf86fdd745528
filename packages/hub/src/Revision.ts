/**
 * The commit that a revision stands for.
 *
 * A commit stands for itself. A branch or tag is looked up once and then stands for what the cache knows of it, as long
 * as nobody asks for more (`THAW_HUB_REFRESH`): the same pipeline gives the same content today and tomorrow, with and
 * without a network.
 */
import { Effect } from "effect"
import * as Address from "./Address.ts"
import * as CacheFolder from "./CacheFolder.ts"
import { HubBroken } from "./Errors.ts"
import type { HubError } from "./Errors.ts"
import { Hub } from "./Hub.ts"
import * as HubLibrary from "./internal/HubLibrary.ts"
import * as Refusal from "./Refusal.ts"
import * as Requests from "./Requests.ts"

export const pin = Effect.fnUntraced(function* (address: Address.Address): Effect.fn.Return<Address.Pinned, HubError> {
  const { kind, name, revision } = address
  if (Address.isCommit(revision)) return { kind, name, commit: revision }
  const settings = yield* Hub
  const known = yield* CacheFolder.readRef(settings, address)
  if (known !== undefined && (settings.offline || !settings.refresh)) return { kind, name, commit: known }

  const wanted = `the commit of ${JSON.stringify(revision)}`
  const commit = yield* Requests.ask(settings, address, wanted, (fetch) =>
    HubLibrary.commit(settings, address, revision, fetch),
  ).pipe(
    Effect.catchTag("Refused", (refused) =>
      Refusal.explain(settings, address, refused).pipe(Effect.flatMap((error) => Effect.fail(error))),
    ),
  )
  if (typeof commit !== "string" || !Address.isCommit(commit)) {
    return yield* new HubBroken(Address.problem(address, `${wanted}, 40 hexadecimal digits`, "something else"))
  }
  yield* CacheFolder.writeRef(settings, address, commit)
  return { kind, name, commit }
})
