/**
 * How the hub says what a file must contain, and its blob is called: large files (LFS, Xet) by the SHA-256 of their
 * bytes, others by their git blob id, the SHA-1 of `blob <size>\0` and their bytes.
 */
import { createHash } from "node:crypto"
import type { Hash } from "node:crypto"
import { createReadStream } from "node:fs"
import { stat } from "node:fs/promises"

/** A hash that ends in `checksum` for the right content. */
export const start = (checksum: string, sizeBytes: number): Hash =>
  checksum.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${sizeBytes}\0`)

/** Takes the file's bytes into the hash. */
export const feed = async (hash: Hash, path: string): Promise<void> => {
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk as Uint8Array)
}

/** Whether the file has the content that its checksum promises. */
export const holds = async (path: string, checksum: string): Promise<boolean> => {
  const hash = start(checksum, (await stat(path)).size)
  await feed(hash, path)
  return hash.digest("hex") === checksum
}
