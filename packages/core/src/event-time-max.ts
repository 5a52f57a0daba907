/**
 * The latest event time that a job takes, and the longest window or grace: 2^50 ms, in the year 37,648. A log of Kafka's format
 * holds times up to 2^51, so that the result of any window over any record can be written too.
 */
export const EVENT_TIME_MAX = 2 ** 50
