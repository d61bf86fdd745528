/** Addresses on a hub as inputs of steps: pinned to a commit, which goes into the step's content key. */
import { PipelineInvalid, SourceUnreadable } from "@thaw/core/Errors"
import * as Source from "@thaw/core/Source"
import { Effect } from "effect"
import * as Address from "./Address.ts"
import type { HubError } from "./Errors.ts"

/** An input that takes addresses of this kind. `pin` finds the commit, and may look at its files for that. */
export const source = (
  kind: Address.Repository["kind"],
  pin: (address: Address.Address) => Effect.Effect<Address.Pinned, HubError>,
): Source.Remote =>
  Source.address({
    check: (written) => {
      const address = Address.parse(written)
      if (address.kind === kind) return
      throw new PipelineInvalid({
        where: JSON.stringify(written),
        expected: `the address of a ${kind}`,
        got: `that of a ${address.kind}`,
        advice: `Did you mean ${JSON.stringify(Address.repository({ ...address, kind }))}?`,
      })
    },
    pin: (written) =>
      Effect.suspend(() => pin(Address.parse(written))).pipe(
        Effect.map(Address.pinned),
        Effect.mapError(({ where, expected, got, advice }) => new SourceUnreadable({ where, expected, got, advice })),
      ),
  })

/** The commit of a pinned input. */
export const of = ({ pinned }: Source.Pinned): Address.Pinned => {
  const { kind, name, revision } = Address.parse(pinned)
  return { kind, name, commit: revision }
}
