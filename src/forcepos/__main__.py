from forcepos.commands.train import main

main()
