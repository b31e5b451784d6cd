from forcepos.cli import main

main()
