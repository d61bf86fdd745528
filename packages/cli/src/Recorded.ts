/** A run of the journal, as the command line names it. */
import { Journal } from "@thaw/core/Journal"
import { Effect } from "effect"
import { ArgumentsInvalid } from "./Errors.ts"

/** @param wanted its id, or the beginning of one that no other run shares */
export const run = Effect.fnUntraced(function* (wanted: string) {
  const journal = yield* Journal
  return yield* journal.run(wanted).pipe(
    // A journal that cannot be read names a file; one that has no such run repeats the argument.
    Effect.mapError((error) => {
      const { where, expected, got, advice } = error
      return where === `run ${JSON.stringify(wanted)}` ? new ArgumentsInvalid({ where, expected, got, advice }) : error
    }),
  )
})
