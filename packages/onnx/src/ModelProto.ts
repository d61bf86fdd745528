/**
 * Graphs as ONNX files: protobuf messages of onnx.proto (ONNX IR specification, version 9).
 *
 *     ModelProto  = ir_version, opset_import, … | 7: GraphProto
 *     GraphProto  = nodes, inputs, outputs, …   | 5: TensorProto, for each initializer
 *     TensorProto = dims, data_type, name       | 9: raw_data
 *
 * What stands left of a bar is encoded by the protobuf library. The rest is laid out here, because nested messages are
 * copied at every level otherwise, and weights are hundreds of megabytes: this way they are copied once, to their place.
 */
import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf"
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire"
import type * as Attribute from "./Attribute.ts"
import * as DataType from "./DataType.ts"
import {
  AttributeProto_AttributeType,
  GraphProtoSchema,
  ModelProtoSchema,
  TensorProtoSchema,
  type AttributeProtoSchema,
  type ModelProto,
  type NodeProtoSchema,
  type ValueInfoProtoSchema,
} from "./generated/onnx_pb.ts"
import type { Graph, GraphNode, Initializer, Named } from "./Graph.ts"
import * as GraphText from "./GraphText.ts"
import { operators, versions } from "./Operators.ts"
import * as Tensor from "./Tensor.ts"

/** The version that goes with operator set 20 (onnx/docs/Versioning.md: ONNX 1.15). */
const irVersion = 9n

export const encode = (graph: Graph): Uint8Array<ArrayBuffer> => {
  const head = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion,
      producerName: "thaw",
      opsetImport: Object.entries(versions).map(([domain, version]) => ({ domain, version: BigInt(version) })),
    }),
  )
  const body = [
    toBinary(
      GraphProtoSchema,
      create(GraphProtoSchema, {
        name: graph.name,
        node: graph.nodes.map(nodeProto),
        input: graph.inputs.map(valueInfo),
        output: graph.outputs.map(valueInfo),
      }),
    ),
    ...graph.initializers.flatMap(tensorField),
  ]
  return join([head, delimiter(ModelProtoSchema.field.graph.number, sizeBytes(body)), ...body])
}

/** The messages of any ONNX file, to look into it. */
export const decode = (bytes: Uint8Array): ModelProto => fromBinary(ModelProtoSchema, bytes)

/** A TensorProto in GraphProto's field `initializer`, its numbers still where they are. */
const tensorField = ({ name, tensor }: Initializer): ReadonlyArray<Uint8Array> => {
  const head = toBinary(TensorProtoSchema, create(TensorProtoSchema, { ...tensorHead(tensor), name }))
  const raw = Tensor.bytes(tensor)
  const message = [head, delimiter(TensorProtoSchema.field.rawData.number, raw.length), raw]
  return [delimiter(GraphProtoSchema.field.initializer.number, sizeBytes(message)), ...message]
}

const tensorHead = (tensor: Tensor.Tensor) => ({
  dims: tensor.shape.map(BigInt),
  dataType: DataType.dataTypes[tensor.dtype].onnx,
})

/** A field's tag and the length of the bytes that follow. */
const delimiter = (field: number, length: number): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish()

const sizeBytes = (parts: ReadonlyArray<Uint8Array>): number => parts.reduce((sum, { length }) => sum + length, 0)

const join = (parts: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(sizeBytes(parts))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const nodeProto = (node: GraphNode): MessageInitShape<typeof NodeProtoSchema> => ({
  opType: node.operator,
  domain: operators[node.operator].domain,
  name: node.outputs[0]!.name,
  input: withoutTrailing(node.inputs),
  output: withoutTrailing(node.outputs.map(({ name }) => name)),
  attribute: GraphText.written(node.operator, node.attributes).map(([name, value, kind]) =>
    attributeProto(name, value, kind),
  ),
})

/** ONNX writes an absent input or output as an empty name, or not at all at the end of the list. */
const withoutTrailing = (names: ReadonlyArray<string>): Array<string> =>
  names.slice(0, names.findLastIndex((name) => name !== "") + 1)

const attributeProto = (
  name: string,
  value: Attribute.AttributeValue,
  kind: Attribute.Attribute<unknown>["kind"],
): MessageInitShape<typeof AttributeProtoSchema> => {
  const type = AttributeProto_AttributeType
  if (typeof value === "string") {
    return kind === "dtype"
      ? { name, type: type.INT, i: BigInt(DataType.dataTypes[value as DataType.DataType].onnx) }
      : { name, type: type.STRING, s: new TextEncoder().encode(value) }
  }
  if (typeof value === "number") {
    return kind === "float" ? { name, type: type.FLOAT, f: value } : { name, type: type.INT, i: BigInt(value) }
  }
  return "dtype" in value
    ? { name, type: type.TENSOR, t: { ...tensorHead(value), rawData: Tensor.bytes(value) } }
    : { name, type: type.INTS, ints: value.map(BigInt) }
}

const valueInfo = ({ name, dtype, shape }: Named): MessageInitShape<typeof ValueInfoProtoSchema> => ({
  name,
  type: {
    value: {
      case: "tensorType",
      value: {
        elemType: DataType.dataTypes[dtype].onnx,
        shape: {
          dim: shape.map((length) => ({
            value:
              typeof length === "number"
                ? { case: "dimValue", value: BigInt(length) }
                : { case: "dimParam", value: length },
          })),
        },
      },
    },
  },
})
