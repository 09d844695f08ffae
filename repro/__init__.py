"""What touches files, seeds, data and published numbers; the mathematics lies in core.

    errors           what a person can mend                                   (imports nothing)
    files            files and folders that appear whole or not at all        -> errors
    progress         how far a long step has come                             (imports nothing)
    machine          on what a number was measured                            (imports nothing)
    tables           dataclasses from the tables of a TOML file               -> errors
    profile          a run as a file: profiles/*.toml                         -> tables
    dataset          images as bytes, and as numbers in [-1, 1]               -> errors
    download         a file from the network, resumed and checked             -> files
    cifar10          the official binary archive                              -> download, dataset
    digits           scikit-learn's handwritten digits                        -> dataset
    weights          a network in the layout of Hugging Face diffusers        -> files
    distributed      one process for each device                              (imports nothing)
    processes        from the names of a profile to the objects of core       -> profile
    batches          what step k sees, a function of the seed and k           -> dataset
    trainer          one step of training                                     -> batches, processes
    checkpoints      written whole, checked by hash, the newest sound one     -> files
    runlog           log.jsonl, TensorBoard, a line in the terminal           -> files
    pictures         sample grids and curves                                  -> files
    grids            sample grids as a run goes                               -> trainer, pictures
    training         the run: steps, signals, faults, continuation            -> all of the above
    plan             what a run will cost here, measured                      -> trainer
    sampling         images as files, sharded and continued                   -> processes
    evaluation       likelihood, rate and distortion, round trips             -> processes
    baselines        what a model that learned nothing reaches                -> evaluation
    frechet, inception_score, kernel_distance    FID, IS and KID as arithmetic    -> errors
    extractor        the network whose features they compare                  -> download
    published        published.toml: each number with source and protocol     -> errors
    comparison       consistent, inconsistent, not comparable                 -> published
    selection        which weights of a run are judged                        -> measuring
    measuring        every number of a trained network                        -> comparison
    records          one file for each finished run: records/*.json           -> comparison
    report           measured against published: tables and pictures          -> records
    showing          the tables of the terminal                               -> measuring, plan
    command          `nox -s repro`                                           -> all of it
"""
