/** `model.safetensors` under the names that transformers' own classes give their parameters, float32. */
import * as Artifact from "@thaw/core/Artifact"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Family from "@thaw/models/Family"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import * as Network from "@thaw/models/Network"
import * as Safetensors from "@thaw/onnx/Safetensors"
import type { Parts } from "./OnnxFile.ts"

/** Names here and there. */
type Renamed = ReadonlyArray<readonly [own: string, upstream: string]>

/** Written when asked for, as ONNX files are. */
const file = (tensors: Safetensors.Tensors, names: Renamed): Artifact.Content =>
  Artifact.chunks({
    *[Symbol.iterator]() {
      yield Safetensors.encode(Object.fromEntries(names.map(([own, upstream]) => [upstream, tensors[own]!])))
    },
  })

const ofEncoder = (config: EncoderConfig.EncoderConfig): ReadonlyArray<string> =>
  Network.parameters(EncoderConfig.network(config)).map(({ name }) => name)

/** The encoder without its prefix, and the pooler that it was read with. */
export const encoder = ({ config, tensors }: Parts): Artifact.Content => {
  const { family, dimensions } = config
  const prefix = `${family.prefix}.`
  const brought = [...Family.broughtShapes(family, dimensions).values()].flatMap((parts) =>
    parts.flatMap(([name]) => (name.startsWith(prefix) && tensors[name] !== undefined ? [name] : [])),
  )
  return file(
    tensors,
    [...ofEncoder(config), ...brought].map((name) => [name, name.slice(prefix.length)]),
  )
}

/** The encoder, and a head whose form is the family's own. */
export const task = ({ config, heads, tensors }: Parts, name: string): Artifact.Content => {
  const { labels, ...kind } = heads[name]!
  const group = Group.head(name)
  const head = Head.network(kind, name, labels.length, config).parameters.map((parameter): Renamed[number] => {
    const local = parameter.name.slice(group.length + 1)
    return [parameter.name, Family.broughtName(config.family, local) ?? local]
  })
  return file(tensors, [...ofEncoder(config).map((own): Renamed[number] => [own, own]), ...head])
}
