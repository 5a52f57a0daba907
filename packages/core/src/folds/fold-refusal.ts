/**
 * Why a fold does not take a record: an error of the record, without its step, which the fold does not know. The message
 * continues the sentence "Step … cannot add the record:".
 */
export class FoldRefusal extends Error {
  readonly code: 'CALLBACK_FAILED' | 'RECORD_UNENCODABLE' | 'TOTAL_TOO_LARGE'

  constructor(code: FoldRefusal['code'], message: string) {
    super(message)
    this.name = 'FoldRefusal'
    this.code = code
  }
}
