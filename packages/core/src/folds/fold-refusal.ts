type RefusedBy = 'CALLBACK_FAILED' | 'RECORD_UNENCODABLE' | 'TOTAL_TOO_LARGE'

/**
 * Why a fold does not take a record: an error of the record, without its step, which the fold does not know. The message
 * continues the sentence "Step … cannot add the record:".
 */
export class FoldRefusal extends Error {
  readonly code: RefusedBy

  constructor(code: RefusedBy, message: string) {
    super(message)
    this.name = 'FoldRefusal'
    this.code = code
  }
}
