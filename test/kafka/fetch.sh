#!/usr/bin/env bash
# Fetches Kafka's own jars (43 MB, from Maven's repository) for the test that lets Kafka read our segments: bash test/kafka/fetch.sh
# Needs Maven and Java 17. What is there already stays; the mark is written last, so that half a download is done again.
set -euo pipefail
cd "$(dirname "$0")"
if [ pom.xml -ot lib/.complete ]; then exit 0; fi
rm -rf lib
mvn -q -B dependency:copy-dependencies -DoutputDirectory=lib -DincludeScope=runtime
touch lib/.complete
