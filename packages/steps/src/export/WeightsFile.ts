/** `model.safetensors` under the names that transformers' own classes give their parameters. */
import * as Artifact from "@thaw/core/Artifact"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Family from "@thaw/models/Family"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import * as MaskedHead from "@thaw/models/MaskedHead"
import * as Network from "@thaw/models/Network"
import * as UpstreamHead from "@thaw/models/UpstreamHead"
import * as Safetensors from "@thaw/onnx/Safetensors"
import type { Parts } from "./OnnxFile.ts"

/** Names here and there. */
type Renamed = ReadonlyArray<readonly [own: string, upstream: string]>

/** Written when asked for, as ONNX files are. */
const file = (tensors: Safetensors.Tensors, names: Renamed, precision?: Safetensors.Precision): Artifact.Content =>
  Artifact.chunks({
    *[Symbol.iterator]() {
      const renamed = Object.fromEntries(names.map(([own, upstream]) => [upstream, tensors[own]!]))
      yield Safetensors.encode(renamed, {}, precision)
    },
  })

const ofEncoder = (config: EncoderConfig.EncoderConfig): ReadonlyArray<string> =>
  Network.parameters(EncoderConfig.network(config)).map(({ name }) => name)

/** The pooler that the encoder was read with, where it had one. */
const pooler = ({ config: { family, dimensions }, tensors }: Parts): ReadonlyArray<string> =>
  [...Family.broughtShapes(family, dimensions).values()].flatMap((parts) =>
    parts.flatMap(([name]) => (name.startsWith(`${family.prefix}.`) && tensors[name] !== undefined ? [name] : [])),
  )

/** The encoder without its prefix, and the pooler that it was read with. */
export const encoder = (parts: Parts, precision?: Safetensors.Precision): Artifact.Content => {
  const { config, tensors } = parts
  const names = [...ofEncoder(config), ...pooler(parts)]
  return file(
    tensors,
    names.map((name) => [name, name.slice(config.family.prefix.length + 1)]),
    precision,
  )
}

/** The encoder, and a head for hidden tokens; the decoder's weight is the table of words, which is there once. */
export const masked = (parts: Parts, name: string, precision?: Safetensors.Precision): Artifact.Content => {
  const { config, tensors } = parts
  const own = [...ofEncoder(config), ...pooler(parts)].map((own): Renamed[number] => [own, own])
  return file(tensors, [...own, ...MaskedHead.upstreamNames(config, Group.head(name))], precision)
}

/** The encoder, and a head whose form is the family's own. */
export const task = ({ config, heads, tensors }: Parts, name: string): Artifact.Content => {
  const head = UpstreamHead.named(heads[name]!, name, config).map((each): Renamed[number] => [each.name, each.upstream])
  const own = Head.ownTensors(heads[name]!, name, config, tensors)
  return file(own, [...ofEncoder(config).map((own): Renamed[number] => [own, own]), ...head])
}
