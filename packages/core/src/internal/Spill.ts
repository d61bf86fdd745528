/**
 * A file for what does not fit in memory: in the system's temporary folder (`TMPDIR`), without a name from its first
 * moment on, so that it is gone with the process, however that ends. Its handle closes when nobody can read it any more.
 */
import { randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as RecordBatchFile from "../RecordBatchFile.ts"

const handles = new FinalizationRegistry<number>((handle) => fs.closeSync(handle))

/** Writes the chunks to a file and gives it for reading. */
export class Spill implements RecordBatchFile.Bytes {
  private readonly handle: number
  readonly read: RecordBatchFile.Bytes["read"]
  constructor() {
    const path = join(tmpdir(), `thaw-${process.pid}-${randomBytes(8).toString("hex")}`)
    this.handle = fs.openSync(path, "wx+", 0o600)
    fs.unlinkSync(path)
    handles.register(this, this.handle)
    const bytes = RecordBatchFile.ofHandle(this.handle)
    this.read = (from, to) => bytes.read(from, to)
  }
  append(chunk: Uint8Array): void {
    for (let written = 0; written < chunk.length;) written += fs.writeSync(this.handle, chunk, written)
  }
}
