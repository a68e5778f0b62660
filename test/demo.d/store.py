"""What the demo does to its simulated store, and asks of it.

    store.py URL seed               one JSON document per line of input
    store.py URL records            how many of each kind there are
    store.py URL writes             how many calls changed something
    store.py URL products NUMBER    the first few, a line each
    store.py URL post CALL JSON     any other call of the control path
"""

import json
import sys
import urllib.request


def control(call, body=None):
    reply = urllib.request.urlopen("%s/_control/%s" % (sys.argv[1], call), body)
    return json.loads(reply.read())


def main():
    command = sys.argv[2]
    if command == "seed":
        for line in sys.stdin.buffer:
            control("seed", line)
    elif command == "records":
        records = control("counts")["records"]
        print("%(brands)s brands, %(categories)s categories and %(products)s products" % records)
    elif command == "writes":
        print(sum(entry["method"] != "GET" for entry in control("journal")["entries"]))
    elif command == "products":
        for product in control("state/products")[:int(sys.argv[3])]:
            print("%(id)5s  %(sku)-12s %(price)8s  %(name).40s  categories %(categories)s" % product)
    elif command == "post":
        print(json.dumps(control(sys.argv[3], sys.argv[4].encode())))
    else:
        sys.exit(__doc__)


main()
