/** The prefix of the address of a process that answers on a socket in the file system. */
export const SOCKET_SCHEME = 'unix:'
