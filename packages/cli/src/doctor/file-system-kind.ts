/** What is special about a file system: where its files really are. */
export type FileSystemTrait = 'local' | 'network' | 'memory' | 'container' | 'unknown'

/** A file system by its usual name. */
export interface FileSystemKind {
  readonly name: string
  readonly trait: FileSystemTrait
}

/** By the number that `statfs` returns on Linux: `statfs(2)`, and `linux/magic.h`. */
const KINDS: ReadonlyMap<number, FileSystemKind> = new Map([
  [0xef53, { name: 'ext4', trait: 'local' }],
  [0x58465342, { name: 'XFS', trait: 'local' }],
  [0x9123683e, { name: 'Btrfs', trait: 'local' }],
  [0x2fc12fc1, { name: 'ZFS', trait: 'local' }],
  [0xf2f52010, { name: 'F2FS', trait: 'local' }],
  [0xca451a4e, { name: 'bcachefs', trait: 'local' }],
  [0x4d44, { name: 'FAT', trait: 'local' }],
  [0x2011bab0, { name: 'exFAT', trait: 'local' }],
  [0x5346544e, { name: 'NTFS', trait: 'local' }],
  [0x01021994, { name: 'tmpfs', trait: 'memory' }],
  [0x858458f6, { name: 'ramfs', trait: 'memory' }],
  [0x794c7630, { name: 'overlayfs', trait: 'container' }],
  [0x6969, { name: 'NFS', trait: 'network' }],
  [0x517b, { name: 'SMB', trait: 'network' }],
  [0xfe534d42, { name: 'SMB', trait: 'network' }],
  [0xff534d42, { name: 'CIFS', trait: 'network' }],
  [0x01021997, { name: '9P', trait: 'network' }],
  [0x00c36400, { name: 'Ceph', trait: 'network' }],
  [0x0bd00bd0, { name: 'Lustre', trait: 'network' }],
  [0x47504653, { name: 'GPFS', trait: 'network' }],
  [0x5346414f, { name: 'AFS', trait: 'network' }],
  [0x786f4256, { name: 'a shared folder of VirtualBox', trait: 'network' }],
  [0xbacbacbc, { name: 'a shared folder of VMware', trait: 'network' }],
])

/** FUSE serves local disks and remote ones alike: what it can do is tried, and not guessed. */
const UNKNOWN: FileSystemKind = { name: 'not known by its number', trait: 'unknown' }

/** The kind of a file system, by the number that `statfs` returns. Only Linux has fixed numbers. */
export function fileSystemKind(type: number, platform: NodeJS.Platform): FileSystemKind {
  if (platform !== 'linux') return UNKNOWN
  return KINDS.get(type >>> 0) ?? { ...UNKNOWN, name: `not known (type 0x${(type >>> 0).toString(16)})` }
}
