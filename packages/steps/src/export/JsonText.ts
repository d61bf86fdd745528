/** JSON files as transformers writes them: keys sorted, two spaces, a line's end; equal values give equal bytes. */
import * as Artifact from "@thaw/core/Artifact"

export const of = (value: unknown): Artifact.Content =>
  text(`${JSON.stringify(JSON.parse(Artifact.canonicalJson(value)), undefined, 2)}\n`)

export const text = (content: string): Artifact.Content => Artifact.bytes(new TextEncoder().encode(content))
