/*
 * Preloaded into a process: writes half of one of its writes to files below a directory, and then kills it (a torn write)
 * or says how much it wrote (a short one).
 *
 * Environment: FAULTY_DIRECTORY; FAULTY_WRITE, which write it is, from 1, over all threads; FAULTY_MODE, `torn` or `short`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long writes;

/* How many of `length` bytes are to be written; all of them unless this is the write. */
static size_t share(int fd, size_t length) {
  const char *directory = getenv("FAULTY_DIRECTORY");
  const char *at = getenv("FAULTY_WRITE");
  char link[64];
  char path[4096];
  if (directory == NULL || at == NULL || length < 2) return length;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t bytes = readlink(link, path, sizeof path - 1);
  if (bytes <= 0) return length;
  path[bytes] = 0;
  if (strncmp(path, directory, strlen(directory)) != 0) return length;
  long number = atomic_fetch_add(&writes, 1) + 1;
  return number == atol(at) ? length * (size_t)(number % 3 + 1) / 4 : length;
}

static ssize_t finish(ssize_t written, size_t part, size_t length) {
  const char *mode = getenv("FAULTY_MODE");
  if (part < length && mode != NULL && strcmp(mode, "torn") == 0) kill(getpid(), SIGKILL);
  return written;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  static ssize_t (*real)(int, const void *, size_t);
  if (real == NULL) real = dlsym(RTLD_NEXT, "write");
  size_t part = share(fd, length);
  return finish(real(fd, bytes, part), part, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off_t);
  if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite");
  size_t part = share(fd, length);
  return finish(real(fd, bytes, part, offset), part, length);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (real == NULL) real = dlsym(RTLD_NEXT, "pwrite64");
  size_t part = share(fd, length);
  return finish(real(fd, bytes, part, offset), part, length);
}

__attribute__((destructor)) static void report(void) {
  if (getenv("FAULTY_DIRECTORY") != NULL) fprintf(stderr, "writes %ld\n", atomic_load(&writes));
}
