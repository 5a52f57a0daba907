import { dirname, resolve } from 'node:path'
import { type Env, RefusedError } from '@millrace/core'
import { diskFailed } from '../errors.ts'
import { verifyLog } from '../inspect/verify-log.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import { syncNames } from '../sync.ts'
import { TopicStore } from '../topic-store.ts'
import { checkParts } from '../transactions/check-parts.ts'
import { refuseFilled } from './backup-target.ts'
import { copyWithChecksum } from './copy-file.ts'
import { type BackupFile, backupDamaged, readManifest } from './manifest.ts'

/** The result of a restore. */
export interface Restored {
  readonly files: number
  readonly bytes: number
  /** Wall-clock time of the backup, ms. */
  readonly createdMs: number
}

/**
 * Makes a data directory from a backup. Every file is copied and compared with the manifest, and the log is verified; only
 * then the directory gets its name. The backup is not changed, now or by later changes of the data. Throws
 * `BACKUP_INCOMPLETE`, `BACKUP_DAMAGED`, `DATA_VERSION`, `TARGET_NOT_EMPTY`, `LOG_FULL`.
 */
export async function restore(env: Env, backup: string, data: string): Promise<Restored> {
  const { files } = env
  if (files.stat(backup) === undefined) {
    throw new RefusedError('FILE_MISSING', `Backup ${backup} does not exist. Check the path`, { file: backup })
  }
  const manifest = readManifest(files, backup)
  refuseFilled(env, data)
  const making = `${resolve(data)}.restoring-${env.random.uuid()}`
  try {
    files.makeDirectory(making)
    for (const file of manifest.files) await restoreFile(env, backup, making, file)
    await syncDirectories(env, making)
    await verify(env, making, backup)
    files.rename(making, resolve(data))
    await syncNames(files, dirname(resolve(data)))
  } catch (error) {
    abandon(env, making)
    throw diskFailed(data, error)
  }
  const { files: restored, createdMs } = manifest
  return { files: restored.length, bytes: restored.reduce((sum, { bytes }) => sum + bytes, 0), createdMs }
}

async function restoreFile(env: Env, backup: string, data: string, file: BackupFile): Promise<void> {
  const from = `${backup}/${file.path}`
  if (file.path.split('/').includes('..')) throw backupDamaged(from, 'its path leads out of the backup')
  if (env.files.stat(from) === undefined) throw backupDamaged(from, 'the file is missing')
  env.files.makeDirectory(dirname(`${data}/${file.path}`))
  const { bytes, crc32c } = await copyWithChecksum(env, from, `${data}/${file.path}`)
  if (bytes !== file.bytes)
    throw backupDamaged(from, `it has ${bytes} bytes, and had ${file.bytes} when it was backed up`)
  if (crc32c !== file.crc32c) throw backupDamaged(from, 'its checksum differs from that of the backed-up file')
}

async function syncDirectories(env: Env, directory: string): Promise<void> {
  const { files } = env
  for (const name of files.list(directory)) {
    const path = `${directory}/${name}`
    if (files.stat(path)?.directory === true) await syncDirectories(env, path)
  }
  await syncNames(files, directory)
}

/** Throws if the log is damaged although each file matches the manifest: then it was damaged when it was backed up. */
async function verify(env: Env, data: string, backup: string): Promise<void> {
  for await (const { problems } of verifyLog(env, data, {})) {
    const damage = problems.find(({ severity }) => severity === 'damage')
    if (damage !== undefined) {
      throw backupDamaged(`${backup}${damage.file.slice(data.length)}`, `byte ${damage.position}: ${damage.what}`)
    }
  }
  for (const { name, partitions } of new TopicStore(env, data).list()) {
    for (let partition = 0; partition < partitions; partition++) {
      const files = new PartitionFiles(env.files, data, name, partition)
      try {
        await files.settle()
        checkParts(files)
      } finally {
        files.close()
      }
    }
  }
}

function abandon({ files }: Env, making: string): void {
  try {
    files.removeTree(making)
  } catch {
    // The first failure is the one to report.
  }
}
