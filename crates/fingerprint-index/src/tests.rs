mod crash;
mod differential;
mod folder;
mod works;
